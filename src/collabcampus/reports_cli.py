"""The command line's part about reports."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer

from collabcampus import app as root
from collabcampus import settings as config
from collabcampus.domain.errors import ProjectNotFound
from collabcampus.domain.types import Day, explained
from collabcampus.live import reports_shown
from collabcampus.live.reporting import report
from collabcampus.live.reports import REPORTS
from collabcampus.log import read
from collabcampus.log.database import Database
from collabcampus.terminal import MISUSE, Data, Json, Url, fail, run, settings_of, tell

Name = StrEnum("Name", {each: each for each in REPORTS})  # type: ignore[misc]  # the names are those of the reports
Rows = list[dict[str, Any]]


def report_command(
    project: Annotated[UUID, typer.Argument(help="The project's id.")],
    name: Annotated[Name, typer.Argument(help="What to tell of it.")],
    since: Annotated[str | None, typer.Option("--from", help="A day or a moment.", metavar="DAY")] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="A day, with all of it, or a moment.", metavar="DAY")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV for spreadsheets.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw it, too, as SVG.", metavar="FILE.svg")] = None,
    data: Data = None,
    database_url: Url = None,
    as_json: Json = False,
) -> None:
    """Tell from a project's events how the work went: a table, JSON, CSV and a plot. 1: there is no such project."""
    if as_csv and as_json:
        fail("--csv and --json: one of them is enough", MISUSE)
    for each in (since, until):
        _require_day(each)
    settings = settings_of(data=data, database_url=database_url)
    run(partial(_report, settings, str(project), str(name), since, until, as_csv, as_json, plot))


def _require_day(text: str | None) -> None:
    try:
        msgspec.convert(text, Day | None)
    except msgspec.ValidationError as error:
        fail(explained(str(error)), MISUSE)


async def _report(
    settings: config.Settings, project: str, name: str, since: str | None, until: str | None,
    as_csv: bool, as_json: bool, plot: Path | None,
) -> None:  # fmt: skip
    async with root.postgres(settings) as conninfo:
        database = Database(conninfo, most=1)
        await database.open()
        try:
            rows = await _rows(database, project, name, since, until)
        finally:
            await database.close()
    if plot:
        plot.write_text(reports_shown.as_svg(name, rows))
    if as_csv:
        typer.echo(reports_shown.as_csv(name, rows), nl=False)
    else:
        tell({"projectId": project, "report": name, "items": rows}, _table(rows), as_json=as_json)


async def _rows(database: Database, project: str, name: str, since: str | None, until: str | None) -> Rows:
    head = (await read.heads(database, [project])).get(project)
    if head is None:
        raise ProjectNotFound
    rows = await report(database, project, head, name, since, until, root.now())
    people = await database.fetch("SELECT user_id, name FROM accounts")
    return reports_shown.plain(rows, dict(people))


def _table(rows: Rows) -> str:
    """A line a row, columns apart by tabs."""
    if not rows:
        return "nothing in that time"
    lines = [list(rows[0]), *(list(each.values()) for each in rows)]
    return "\n".join(
        "\t".join(f"{each:.2f}" if isinstance(each, float) else str(each) for each in line) for line in lines
    )
