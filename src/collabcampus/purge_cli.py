"""The command line's part about deleting a project for good."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from collabcampus import app as root
from collabcampus.log import purging
from collabcampus.log.migrate import migrate
from collabcampus.terminal import DOES_NOT_HOLD, Data, Json, Url, fail, run, settings_of, stderr, tell


def purge_command(
    project: Annotated[UUID, typer.Argument(help="An archived project.")],
    receipt: Annotated[Path, typer.Option(help="The file that tells what it was.", metavar="FILE")],
    data: Data = None,
    database_url: Url = None,
    as_json: Json = False,
) -> None:
    """Delete an archived project for good: its whole log and everything made from it.

    What is left is the receipt: how long its log was, the hash it ended with, and when. The project's id and those of
    its tasks are never used again, and `import` does not bring it back. The server may run meanwhile.
    """

    async def work() -> None:
        async with root.postgres(settings_of(data=data, database_url=database_url)) as conninfo:
            await migrate(conninfo)
            try:
                with stderr.status("purging"):
                    done = await purging.purge(conninfo, str(project), receipt)
            except purging.NotPurged as error:
                fail(str(error), DOES_NOT_HOLD)
        tell(done, f"{done.events} events purged; the receipt is in {receipt}", as_json=as_json)

    run(work)
