"""What all commands of the command line share: their options, how they run, and how they fail."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import msgspec
import psycopg
import typer
import uvloop
from rich.console import Console

from collabcampus import app as root
from collabcampus import serving, supervisor
from collabcampus import settings as config
from collabcampus.domain.errors import Refused
from collabcampus.embedded import EmbeddedUnavailable
from collabcampus.identity.keys import WeakSecret
from collabcampus.log.database import UnfitServer
from collabcampus.log.migrate import MigrationRefused

HOLDS, DOES_NOT_HOLD, MISUSE = 0, 1, 2

Data = Annotated[Path | None, typer.Option(help="Folder of the server's own PostgreSQL [COLLABCAMPUS_DATA].")]
Url = Annotated[
    str | None, typer.Option(help="A PostgreSQL (15 or later) of yours instead [DATABASE_URL].", metavar="URL")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

stderr = Console(stderr=True)


def settings_of(**options: Any) -> config.Settings:
    """The settings with these options; a wrong one is misuse, and one that there is not is said."""
    if unknown := config.unknown():
        stderr.print(f"warning: no such setting: {', '.join(unknown)}", style="yellow", markup=False, soft_wrap=True)
    try:
        return config.load(**options)
    except config.BadSetting as error:
        fail(str(error), MISUSE)
        raise


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Carry a command out; what goes wrong is said in words."""
    root.configure_logging()
    try:
        uvloop.run(_until_told_to_stop(work))
    except asyncio.CancelledError:
        fail("stopped before it was done", DOES_NOT_HOLD)
    except Refused as refused:
        fail(f"{refused.message} ({refused.code})", DOES_NOT_HOLD)
    except WeakSecret as error:
        fail(f"COLLABCAMPUS_SECRET: {error}", MISUSE)
    except (
        EmbeddedUnavailable,
        MigrationRefused,
        UnfitServer,
        supervisor.WorkersFail,
        psycopg.Error,
        OSError,
    ) as error:
        fail(str(error), DOES_NOT_HOLD)


def tell(answer: Any, line: str, *, as_json: bool) -> None:
    """Print an answer: as JSON for programs, or the line."""
    typer.echo(msgspec.json.encode(answer).decode() if as_json else line)


def fail(message: str, status: int) -> None:
    """Say why, and exit with this status."""
    stderr.print(message, style="red", markup=False)
    raise typer.Exit(status)


async def _until_told_to_stop(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A signal cancels the work, which cleans up behind itself; a server in full service takes over from here."""
    task = asyncio.ensure_future(work())
    for each in serving.STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(each, task.cancel)
    await task
