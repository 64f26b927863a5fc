"""The command line's part about the log as a file: export and import."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from collabcampus import app as root
from collabcampus.log import consume, export, importing
from collabcampus.log.database import Database
from collabcampus.log.migrate import migrate
from collabcampus.log.parquet import export_parquet
from collabcampus.log.verified import Damaged
from collabcampus.terminal import DOES_NOT_HOLD, MISUSE, Data, Json, Url, fail, run, settings_of, stderr, tell

log_commands = typer.Typer()


class Format(StrEnum):
    """What an export is for: to be restored, or to be analysed."""

    NDJSON = "ndjson"
    PARQUET = "parquet"


@log_commands.command(name="export")
def export_command(
    output: Annotated[
        Path, typer.Option(help="The file; it is written as FILE.part until it is whole.", metavar="FILE")
    ],
    project: Annotated[list[UUID] | None, typer.Option(help="Which, again for each; all unless said.")] = None,
    people: Annotated[bool, typer.Option("--people", help="With ids, names and addresses of people.")] = False,
    form: Annotated[
        Format, typer.Option("--format", help="`ndjson` to restore it; `parquet` to analyse it, a row an event.")
    ] = Format.NDJSON,
    data: Data = None,
    database_url: Url = None,
    as_json: Json = False,
) -> None:
    """Write projects with their whole history into a file, from which `import` restores them bit for bit.

    The server may run meanwhile: all is of one moment. An export that was interrupted goes on when it is started
    again. Secrets are never in it; without --people, persons are ids alone.
    """
    if people and form is Format.PARQUET:
        fail("--people is for ndjson", MISUSE)
    chosen = [str(each) for each in project or ()]

    async def work() -> None:
        async with root.postgres(settings_of(data=data, database_url=database_url)) as conninfo:
            await migrate(conninfo)
            try:
                with _events("exporting") as advance:
                    counts = await _exported(conninfo, output, chosen, form, people, advance)
            except export.NotExported as error:
                fail(str(error), DOES_NOT_HOLD)
            tell(counts, f"{counts['events']} events in {output}", as_json=as_json)

    run(work)


async def _exported(
    conninfo: str, output: Path, projects: list[str], form: Format, people: bool, advance: export.Progress
) -> dict[str, int]:
    if form is Format.PARQUET:
        return {"events": await export_parquet(conninfo, output, projects, progress=advance)}
    whole = await export.export(conninfo, output, projects, people=people, progress=advance)
    return {
        "people": whole.people, "projects": whole.projects, "events": whole.events, "commands": whole.commands
    }  # fmt: skip


@log_commands.command(name="import")
def import_command(
    file: Annotated[Path, typer.Argument(help="What `export` wrote.")],
    data: Data = None,
    database_url: Url = None,
    as_json: Json = False,
) -> None:
    """Take projects in that `export` wrote: the same events, times and hashes; boards and all else follow from them.

    The file is verified before anything is taken in, and a project is taken in whole or not at all. The server may
    run meanwhile. Done again, an interrupted import goes on. People who have no account here get one without a
    password.
    """

    async def work() -> None:
        async with root.postgres(settings_of(data=data, database_url=database_url)) as conninfo:
            await migrate(conninfo)
            try:
                with _events("importing") as advance:
                    done = await importing.import_file(conninfo, file, advance)
            except Damaged as error:
                fail(f"{file}: {error} (damaged)", DOES_NOT_HOLD)
            except importing.HistoryDiffers as error:
                fail(f"{error} (history_differs)", DOES_NOT_HOLD)
            except importing.IdTaken as error:
                fail(f"{error} (id_taken)", DOES_NOT_HOLD)
        line = f"{done.projects} projects and {done.events} events are new; {done.known_projects} were there"
        tell(done, line, as_json=as_json)

    run(work)


@log_commands.command(name="consumers")
def consumers_command(data: Data = None, database_url: Url = None, as_json: Json = False) -> None:
    """List who follows the whole log and keeps a place in it, and how many events they are behind."""

    async def work() -> None:
        async with root.postgres(settings_of(data=data, database_url=database_url)) as conninfo:
            await migrate(conninfo)
            database = Database(conninfo, most=1)
            await database.open()
            try:
                found = await consume.consumers(database)
            finally:
                await database.close()
        lines = (f"{v.name}  behind {v.lag.events}, held back {v.lag.held}, last {v.at}" for v in found)
        tell(found, "\n".join(lines) or "none", as_json=as_json)

    run(work)


class _Rate(ProgressColumn):
    """Events a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:,.0f}/s")


@contextmanager
def _events(what: str) -> Iterator[export.Progress]:
    """Shows how many events there were and at what rate; it hears how many more there are."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description} {task.completed:,} events"),
        _Rate(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as shown:
        task = shown.add_task(what, total=None)
        yield lambda events: shown.advance(task, events)
