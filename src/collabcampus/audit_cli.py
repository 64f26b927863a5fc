"""The command line's part about the audit: of a database, or of an export."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import psycopg
import typer
from msgspec import structs
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from collabcampus import app as root
from collabcampus.evidence_cli import Checkpoints, PublicKeys, against_checkpoints
from collabcampus.log import verify
from collabcampus.log.verified import audited_file
from collabcampus.settings import Settings
from collabcampus.terminal import DOES_NOT_HOLD, MISUSE, Data, Json, Url, fail, run, settings_of, stderr

CONNECTIONS = 2


def audit_command(
    checkpoints: Checkpoints = None,
    public_key: PublicKeys = None,
    export: Annotated[
        Path | None, typer.Option(help="Check a file that `export` wrote, and no database.", metavar="FILE")
    ] = None,
    data: Data = None,
    database_url: Url = None,
    as_json: Json = False,
) -> None:
    """Check the log against itself and its signed checkpoints, and every read model and stored snapshot against the
    log; exit 1 where something differs.

    It only reads: beside a running server, on a replica, on a restored copy.
    """
    if export and (data or database_url or checkpoints):
        fail("--export is for a file alone", MISUSE)
    settings = settings_of(data=data, database_url=database_url)

    async def work() -> None:
        began = time.monotonic()
        with _shown() as told:
            if export:
                found = await asyncio.to_thread(audited_file, export, told)
            else:
                found = await _audited(settings, checkpoints, public_key, told)
        rate = found.events / (time.monotonic() - began)
        said = f"{found.projects} projects, {found.events} events, {rate:,.0f} events/s"
        stderr.print(f"{said}, held against {found.checkpoints or 'no'} checkpoints", highlight=False)
        _tell(found, as_json=as_json)

    run(work)


async def _audited(
    settings: Settings, checkpoints: Path | None, public_key: Path | None, told: verify.Told
) -> verify.Audited:
    async with AsyncExitStack() as stack:
        conninfo = await stack.enter_async_context(root.postgres(settings))
        first, *others = [
            await stack.enter_async_context(await psycopg.AsyncConnection.connect(conninfo, autocommit=True))
            for _ in range(CONNECTIONS)
        ]
        found = await verify.audit_whole(first, *others, told=told)
        held_against, more = await against_checkpoints(first, settings, checkpoints, public_key)
        return structs.replace(found, findings=found.findings + more, checkpoints=held_against)


def _tell(found: verify.Audited, *, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode({"holds": not found.findings, **msgspec.to_builtins(found)}).decode())
    else:
        typer.echo("\n".join(map(str, found.findings)) or "it holds")
        if found.redacted:
            typer.echo(f"{found.redacted} events redacted")
        if found.purged:
            typer.echo(f"{found.purged} projects purged")
    if found.findings:
        raise typer.Exit(DOES_NOT_HOLD)


@contextmanager
def _shown() -> Iterator[verify.Told]:
    columns = (
        TextColumn("auditing {task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task("", total=None, rate="")

        def told(progress: verify.Progress) -> None:
            rate = f"{bar.tasks[0].speed or 0:,.0f} events/s"
            bar.update(task, total=progress.total, completed=progress.done, description=progress.step, rate=rate)

        yield told
