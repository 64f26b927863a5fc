"""The command line's part about taking people's words out of the log."""

from typing import Annotated
from uuid import UUID

import psycopg
import typer

from collabcampus import app as root
from collabcampus.identity.accounts import comparable_email
from collabcampus.log import redaction
from collabcampus.log.migrate import migrate
from collabcampus.terminal import DOES_NOT_HOLD, MISUSE, Data, Json, Url, fail, run, settings_of, stderr, tell


def redact_command(
    project: Annotated[UUID | None, typer.Argument(help="The project of the events.")] = None,
    positions: Annotated[list[int] | None, typer.Argument(help="The events, by their positions.", min=1)] = None,
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept for good, so name nobody in it.")],
    person: Annotated[
        str | None,
        typer.Option(help="All that this person wrote, in every project, instead.", metavar="EMAIL|USER_ID"),
    ] = None,
    data: Data = None,
    database_url: Url = None,
    as_json: Json = False,
) -> None:
    """Take words out of the log and out of everything made from it, for good: a marker stands there instead.

    The log's hashes still hold, and `audit` counts the events apart. The server may run meanwhile: whoever looks at a
    board gets it anew. Where the same words stand elsewhere is said, for these have to be named themselves.
    """
    if (person is None) == (project is None) or (project is None) != (not positions):
        fail("either a project and positions or --person is expected", MISUSE)
    if not reason.strip():
        fail("a reason is expected: it is kept for good", MISUSE)

    async def work() -> None:
        async with root.postgres(settings_of(data=data, database_url=database_url)) as conninfo:
            await migrate(conninfo)
            try:
                with stderr.status("redacting"):
                    if person:
                        done = await redaction.redact_person(conninfo, await _user_id(conninfo, person), reason)
                    else:
                        done = await redaction.redact(conninfo, str(project), positions or [], reason)
            except redaction.NotRedacted as error:
                fail(str(error), DOES_NOT_HOLD)
        lines = [f"{len(done.redacted)} events redacted"]
        lines += [f"said elsewhere: {each.project_id} {each.position}" for each in done.elsewhere]
        tell(done, "\n".join(lines), as_json=as_json)

    run(work)


async def _user_id(conninfo: str, person: str) -> str:
    """By address, or by the id alone of who has an account no longer."""
    try:
        return str(UUID(person))
    except ValueError:
        pass
    async with await psycopg.AsyncConnection.connect(conninfo) as connection:
        rows = await connection.execute("SELECT user_id FROM accounts WHERE email = %s", (comparable_email(person),))
        found = await rows.fetchone()
    if not found:
        raise redaction.NotRedacted(f"nobody has the address {person}")
    return str(found[0])
