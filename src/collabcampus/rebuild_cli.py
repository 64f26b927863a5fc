"""The command line's part about making read models anew."""

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from collabcampus import app as root
from collabcampus.log import rebuild as log
from collabcampus.terminal import MISUSE, Data, Json, Url, fail, run, settings_of, stderr, tell


def rebuild_command(
    projections: Annotated[list[str] | None, typer.Argument(help="Which; all when none is named.")] = None,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Clear away what an unfinished rebuild left, and rebuild nothing.")
    ] = False,
    data: Data = None,
    database_url: Url = None,
    as_json: Json = False,
) -> None:
    """Make read models anew from the log, beside those in service: readers and writers go on meanwhile.

    Each is compared with the log and swapped in when it is whole. Stopped or killed, it goes on when it is run again.
    """

    try:
        log.files_of(projections or [])
    except log.UnknownProjection as error:
        fail(str(error), MISUSE)

    async def work() -> None:
        async with root.postgres(settings_of(data=data, database_url=database_url)) as conninfo:
            if abandon:
                left = await log.abandon(conninfo)
                tell({"abandoned": left}, "\n".join(left) or "nothing was left", as_json=as_json)
            else:
                done = await _shown(conninfo, projections or [])
                tell(done, "\n".join(done.projections), as_json=as_json)

    run(work)


async def _shown(conninfo: str, names: list[str]) -> log.Rebuilt:
    columns = (
        TextColumn("rebuilding {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task("", total=None, rate="")

        def told(progress: log.Progress) -> None:
            speed = bar.tasks[0].speed or 0.0
            rate = f"{speed * progress.events / progress.steps:,.0f} events/s" if speed else ""
            bar.update(task, total=progress.steps, completed=progress.done, description=progress.step, rate=rate)

        return await log.rebuild(conninfo, names, told)
