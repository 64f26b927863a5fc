"""The command line: `collabcampus serve` and what an operator needs beside it."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import psycopg
import typer
import uvloop
from rich.console import Console

from collabcampus import app as root
from collabcampus import demo as demo_data
from collabcampus import settings as config
from collabcampus import supervisor
from collabcampus.domain.errors import Refused
from collabcampus.embedded import EmbeddedUnavailable
from collabcampus.identity.tokens import WeakSecret
from collabcampus.log import verify
from collabcampus.log.database import UnfitServer
from collabcampus.log.migrate import MigrationRefused, migrate, rebuild

HOLDS, DOES_NOT_HOLD, MISUSE = 0, 1, 2

Data = Annotated[Path | None, typer.Option(help="Folder of the server's own PostgreSQL [COLLABCAMPUS_DATA].")]
Url = Annotated[
    str | None, typer.Option(help="A PostgreSQL (15 or later) of yours instead [DATABASE_URL].", metavar="URL")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="An event-sourced, real-time backend for project boards. Settings also come from COLLABCAMPUS_* variables. "
    "Exit status: 0 it holds, 1 it does not, 2 misuse.",
)
user_commands = typer.Typer(no_args_is_help=True, help="People.")
cli.add_typer(user_commands, name="user")
_stderr = Console(stderr=True)


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    data: Data = None,
    database_url: Url = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes that serve; 1 unless set [COLLABCAMPUS_WORKERS].")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Make the demo login and project if absent.")] = False,
) -> None:
    """Run the server until SIGTERM or SIGINT.

    Further settings come from the environment: COLLABCAMPUS_ORIGINS (web origins allowed beside the server's own,
    with commas between; the usual React development servers unless set), COLLABCAMPUS_SECRET (signs tokens; 32 or
    more bytes; made and kept in the database unless set), COLLABCAMPUS_REFRESH_GRACE (seconds in which a used refresh
    token gives the same successor; 10), COLLABCAMPUS_POSTGRES_BIN (a folder of PostgreSQL binaries to run),
    COLLABCAMPUS_PROXIES (addresses and networks of reverse proxies, with commas between, whose X-Forwarded-For and
    X-Forwarded-Proto are believed; none unless set), COLLABCAMPUS_RECOVERY (false: no client is recovered in
    Socket.IO's own way), COLLABCAMPUS_HEAD_EACH (seconds between two `head` events of a room; 20).

    Limits, of which 0 means none; each worker counts for itself: COLLABCAMPUS_COMMAND_RATE and
    COLLABCAMPUS_COMMAND_BURST (events a second of one socket, and at most at once; 500 and 2000; a burst is at least
    500; a person's sockets and changing requests together have twenty times as much), COLLABCAMPUS_SOCKETS_PER_USER
    (200), COLLABCAMPUS_SOCKETS_PER_ADDRESS (10000).
    """
    settings = _settings(host=host, port=port, data=data, database_url=database_url, workers=workers)
    _run(partial(_serve if settings.workers == 1 else _supervise, settings, demo))


@cli.command(name="migrate")
def migrate_command(data: Data = None, database_url: Url = None, as_json: Json = False) -> None:
    """Bring the database to this version: new migrations, and projections whose file changed."""

    async def work() -> None:
        async with root.postgres(_settings(data=data, database_url=database_url)) as conninfo:
            done = await migrate(conninfo)
            if as_json:
                typer.echo(msgspec.json.encode(done).decode())
            else:
                changed = [*done.migrations, *done.projections, *(f"dropped {each}" for each in done.dropped)]
                typer.echo("\n".join(changed) or "nothing to do")

    _run(work)


@cli.command(name="rebuild")
def rebuild_command(
    projections: Annotated[list[str] | None, typer.Argument(help="Which; all when none is named.")] = None,
    data: Data = None,
    database_url: Url = None,
) -> None:
    """Make read models anew from the log. Writers wait meanwhile."""

    async def work() -> None:
        async with root.postgres(_settings(data=data, database_url=database_url)) as conninfo:
            with _stderr.status("rebuilding"):
                typer.echo("\n".join(await rebuild(conninfo, projections or [])))

    _run(work)


@cli.command(name="audit")
def audit_command(data: Data = None, database_url: Url = None, as_json: Json = False) -> None:
    """Check the log against itself and every read model against the log; exit 1 where something differs."""

    async def work() -> None:
        async with root.postgres(_settings(data=data, database_url=database_url)) as conninfo:
            with _stderr.status("auditing"):
                async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                    findings = await verify.audit(connection)
        if as_json:
            typer.echo(msgspec.json.encode({"holds": not findings, "findings": findings}).decode())
        else:
            typer.echo("\n".join(f"{each.project_id} {each.check}: {each.what}" for each in findings) or "it holds")
        if findings:
            raise typer.Exit(DOES_NOT_HOLD)

    _run(work)


@user_commands.command(name="add")
def user_add(
    email: str,
    name: str,
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="12 to 128 characters.")
    ],
    data: Data = None,
    database_url: Url = None,
) -> None:
    """Register somebody."""

    async def work() -> None:
        async with root.running(_settings(data=data, database_url=database_url)) as application:
            signed_in = await application.identity.register(email, name, password, "command line")
            typer.echo(signed_in.user.id)

    _run(work)


@cli.command()
def demo(
    users: Annotated[int, typer.Option(min=1, max=10_000, help="How many people.")] = 3,
    projects: Annotated[int, typer.Option(min=1, max=10_000, help="How many projects.")] = 1,
    tasks: Annotated[int, typer.Option(min=0, max=5_000, help="How many tasks each.")] = 12,
    data: Data = None,
    database_url: Url = None,
    as_json: Json = False,
) -> None:
    """Fill the database for trying and for load: people who edit every project, tasks in the first column.

    With --json it prints their ids and access tokens that are good for an hour.
    """

    async def work() -> None:
        async with root.running(_settings(data=data, database_url=database_url)) as application:
            with _stderr.status("filling"):
                made = await demo_data.fill(application, users, projects, tasks)
            if as_json:
                typer.echo(msgspec.json.encode(made).decode())
            else:
                typer.echo(f"{users} people, {projects} projects, {tasks} tasks each; password: {demo_data.PASSWORD}")
                typer.echo("\n".join(each.email for each in made.users))

    _run(work)


def main() -> None:
    """The `collabcampus` command."""
    cli()


async def _serve(settings: config.Settings, with_demo: bool) -> None:
    async with root.running(settings) as application:
        demo_project = await demo_data.ensure(application) if with_demo else None
        await root.serve(application, partial(_tell_ready, demo_project))


async def _supervise(settings: config.Settings, with_demo: bool) -> None:
    async with root.postgres(settings) as conninfo:
        await migrate(conninfo)
        async with root.Application(settings, conninfo).running() as application:
            demo_project = await demo_data.ensure(application) if with_demo else None
        listening = root.listen(settings.host, settings.port)
        ready = partial(_tell_ready, demo_project, root.address(listening))
        await supervisor.serve(supervisor.Supervisor(settings, conninfo, listening), ready, root.STOP_SIGNALS)


def _tell_ready(demo_project: str | None, address: str) -> None:
    if demo_project:
        typer.echo(demo_data.story(address, demo_project))
    typer.echo(f"collabcampus ready on {address}")
    sys.stdout.flush()


def _settings(**options: Any) -> config.Settings:
    if unknown := config.unknown():
        _stderr.print(f"warning: no such setting: {', '.join(unknown)}", style="yellow", markup=False, soft_wrap=True)
    try:
        return config.load(**options)
    except config.BadSetting as error:
        _fail(str(error), MISUSE)
        raise


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    root.configure_logging()
    try:
        uvloop.run(_until_told_to_stop(work))
    except asyncio.CancelledError:
        _fail("stopped before it was done", DOES_NOT_HOLD)
    except Refused as refused:
        _fail(f"{refused.message} ({refused.code})", DOES_NOT_HOLD)
    except (
        EmbeddedUnavailable,
        MigrationRefused,
        UnfitServer,
        WeakSecret,
        supervisor.WorkersFail,
        psycopg.Error,
        OSError,
    ) as error:
        _fail(str(error), DOES_NOT_HOLD)


async def _until_told_to_stop(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A signal cancels the work, which cleans up behind itself; a server in full service takes over from here."""
    task = asyncio.ensure_future(work())
    for each in root.STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(each, task.cancel)
    await task


def _fail(message: str, status: int) -> None:
    _stderr.print(message, style="red", markup=False)
    raise typer.Exit(status)
