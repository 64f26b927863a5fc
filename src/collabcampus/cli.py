"""The command line: `collabcampus serve` and what an operator needs beside it."""

import sys
from functools import partial
from typing import Annotated

import msgspec
import psycopg
import typer

from collabcampus import app as root
from collabcampus import demo as demo_data
from collabcampus import serving, settings_manual, supervisor
from collabcampus import settings as config
from collabcampus.keys_cli import key_commands
from collabcampus.log import verify
from collabcampus.log.migrate import migrate
from collabcampus.log_cli import log_commands
from collabcampus.people_cli import token_commands, user_commands
from collabcampus.production import require_production
from collabcampus.rebuild_cli import rebuild_command
from collabcampus.replay_cli import replay
from collabcampus.reports_cli import report_command
from collabcampus.terminal import DOES_NOT_HOLD, MISUSE, Data, Json, Url, fail, run, settings_of, stderr

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="An event-sourced, real-time backend for project boards. Settings also come from COLLABCAMPUS_* variables. "
    "Exit status: 0 it holds, 1 it does not, 2 misuse.",
)
cli.add_typer(user_commands, name="user")
cli.add_typer(token_commands, name="token")
cli.add_typer(key_commands, name="keys")
cli.command()(replay)
cli.command(name="rebuild")(rebuild_command)
cli.add_typer(log_commands)
cli.command(name="report")(report_command)


@cli.command(help=settings_manual.for_help())
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    data: Data = None,
    database_url: Url = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes that serve; 1 unless set [COLLABCAMPUS_WORKERS].")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Make the demo login and project if absent.")] = False,
    production: Annotated[
        bool | None,
        typer.Option("--production", help="Refuse what is for development alone [COLLABCAMPUS_PRODUCTION]."),
    ] = None,
) -> None:
    """Run the server; `--help` is of settings_manual."""
    settings = settings_of(
        host=host, port=port, data=data, database_url=database_url, workers=workers, production=production
    )
    _for_production(settings, demo=demo)
    run(partial(_serve if settings.workers == 1 else _supervise, settings, demo))


@cli.command(name="migrate")
def migrate_command(data: Data = None, database_url: Url = None, as_json: Json = False) -> None:
    """Bring the database to this version: new migrations, and projections whose file changed."""

    async def work() -> None:
        async with root.postgres(settings_of(data=data, database_url=database_url)) as conninfo:
            done = await migrate(conninfo)
            if as_json:
                typer.echo(msgspec.json.encode(done).decode())
            else:
                changed = [*done.migrations, *done.projections, *(f"dropped {each}" for each in done.dropped)]
                typer.echo("\n".join(changed) or "nothing to do")

    run(work)


@cli.command(name="audit")
def audit_command(data: Data = None, database_url: Url = None, as_json: Json = False) -> None:
    """Check the log against itself and every read model against the log; exit 1 where something differs."""

    async def work() -> None:
        async with root.postgres(settings_of(data=data, database_url=database_url)) as conninfo:
            with stderr.status("auditing"):
                async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                    findings = await verify.audit(connection)
        if as_json:
            typer.echo(msgspec.json.encode({"holds": not findings, "findings": findings}).decode())
        else:
            typer.echo("\n".join(f"{each.project_id} {each.check}: {each.what}" for each in findings) or "it holds")
        if findings:
            raise typer.Exit(DOES_NOT_HOLD)

    run(work)


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

    settings = settings_of(data=data, database_url=database_url)
    _for_production(settings, demo=True)

    async def work() -> None:
        async with root.running(settings) as application:
            with stderr.status("filling"):
                made = await demo_data.fill(application, users, projects, tasks)
            if as_json:
                typer.echo(msgspec.json.encode(made).decode())
            else:
                typer.echo(f"{users} people, {projects} projects, {tasks} tasks each; password: {demo_data.PASSWORD}")
                typer.echo("\n".join(each.email for each in made.users))

    run(work)


def main() -> None:
    """The `collabcampus` command."""
    cli()


async def _serve(settings: config.Settings, with_demo: bool) -> None:
    async with root.running(settings) as application:
        demo_project = await _demo(application, with_demo)
        await serving.serve(application, partial(_tell_ready, demo_project))


async def _supervise(settings: config.Settings, with_demo: bool) -> None:
    async with root.postgres(settings) as conninfo:
        await migrate(conninfo)
        async with root.Application(settings, conninfo).running() as application:
            demo_project = await _demo(application, with_demo)
        listening = serving.listen(settings.host, settings.port)
        ready = partial(_tell_ready, demo_project, serving.address(listening))
        settings = msgspec.structs.replace(settings, links_to=settings.links_to or serving.address(listening))
        await supervisor.serve(supervisor.Supervisor(settings, conninfo, listening), ready, serving.STOP_SIGNALS)


async def _demo(application: root.Application, wanted: bool) -> str | None:
    """The demo's project where one is wanted; in production, fail where one of before still lets people in."""
    if application.settings.production:
        try:
            await demo_data.require_gone(application)
        except config.BadSetting as error:
            fail(str(error), MISUSE)
    return await demo_data.ensure(application) if wanted else None


def _tell_ready(demo_project: str | None, address: str) -> None:
    if demo_project:
        typer.echo(demo_data.story(address, demo_project))
    typer.echo(f"collabcampus ready on {address}")
    sys.stdout.flush()


def _for_production(settings: config.Settings, *, demo: bool) -> None:
    try:
        require_production(settings, demo=demo)
    except config.BadSetting as error:
        fail(str(error), MISUSE)
