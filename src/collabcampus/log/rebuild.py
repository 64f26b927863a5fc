"""Read models made anew from the log while the server goes on: staged, filled, indexed, caught up with, swapped.

The SQL (`schema/021_rebuild.sql`) says why nothing is lost. What is done is kept in tables: a rebuild that was killed
goes on where it was. Until its swap the old table is in service, and nothing else knows of the new one.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
from psycopg.errors import LockNotAvailable

from collabcampus.log.database import Connection
from collabcampus.log.projections import MigrationRefused, digest, keep
from collabcampus.log.sources import sql_files

REBUILD_LOCK = 4_200_600_102
PARTS = 8
"""Partitions of the log; each is filled by one statement."""
CONNECTIONS = 2
SWAP_WAIT_MS = 200
"""How long a swap waits for who reads the old table, and with it everybody behind it: well within the app's bound."""
SWAP_PAUSE_S = 0.3
SWAP_TRIES = 2_000
"""Some ten minutes: an audit reads as long as it takes."""
_READ_FOR_LONG = """
    SELECT EXISTS (SELECT FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
                   WHERE l.granted AND l.relation = to_regclass('public.' || quote_ident(%s))
                     AND a.xact_start < clock_timestamp() - make_interval(secs => %s))
"""
WORK_MEM, INDEX_MEM = "128MB", "128MB"


class RebuildRefused(MigrationRefused):
    """Nothing was swapped in; the message says why."""


class UnknownProjection(Exception):
    """There is no projection of this name; the message names those there are."""


@dataclass
class Progress:
    """How far a rebuild is: one step a partition to fill from, one to index and one to swap each read model, and one
    for each connection that compares."""

    steps: int
    """Steps to take in all."""
    done: int = 0
    events: int = 0
    """Events in the log when it began."""
    step: str = ""


Told = Callable[[Progress], None]


@dataclass
class Rebuilt:
    """What was made anew, out of how many events, in how many seconds."""

    projections: list[str]
    events: int
    seconds: float


def _nobody(progress: Progress) -> None:
    """Nobody is told."""


def files_of(names: list[str]) -> list[Path]:
    """The files of these projections, of all when none is named. UnknownProjection names those there are."""
    files = {each.stem: each for each in sql_files("projections")}
    if unknown := sorted(set(names) - set(files)):
        raise UnknownProjection(f"there is no projection {', '.join(unknown)}; there are {', '.join(files)}")
    return [files[name] for name in dict.fromkeys(names or files)]


async def rebuild(conninfo: str, names: list[str], told: Told = _nobody) -> Rebuilt:
    """Make these projections (all when none is named) anew. RebuildRefused while another rebuild is at it."""
    files = files_of(names)
    async with alone(conninfo, wait=False):
        return await rebuild_files(conninfo, files, told)


async def abandon(conninfo: str) -> list[str]:
    """Clear away what unfinished rebuilds left; the names of what they were about."""
    async with alone(conninfo, wait=False) as connection, connection.transaction():
        rows = await (await connection.execute("SELECT name FROM rebuilds ORDER BY name")).fetchall()
        for (name,) in rows:
            await connection.execute("CALL rebuild_abandon(%s)", (name,))
    return [name for (name,) in rows]


@asynccontextmanager
async def deploying(conninfo: str) -> AsyncIterator[Connection]:
    """The right to rebuild, once whoever has it is done: nodes that start together take turns."""
    async with alone(conninfo, wait=True) as connection:
        yield connection


async def rebuild_files(conninfo: str, files: list[Path], told: Told = _nobody) -> Rebuilt:
    """The work itself, for who has the right to rebuild."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(_connected(conninfo)) for _ in range(CONNECTIONS)]
        names = [file.stem for file in files if await stage(connections[0], file)]
        events = await _events(connections[0])
        if names:
            await _Work(connections, names, events, told).done()
    return Rebuilt([file.stem for file in files], events, time.monotonic() - began)


async def stage(connection: Connection, file: Path) -> bool:
    """Make the empty new table, unless this file's is begun already. False for a view alone: it is made at once."""
    name = file.stem
    async with connection.transaction():
        row = await (await connection.execute("SELECT sha256 FROM rebuilds WHERE name = %s", (name,))).fetchone()
        if row and row[0] == digest(file):
            return True
        await connection.execute("CALL rebuild_abandon(%s)", (name,))
        async with connection.transaction() as trial:
            await connection.execute("SET LOCAL search_path = rebuilding, public")
            await connection.execute(file.read_bytes())
            result = await connection.execute(
                "UPDATE public.rebuilds SET sha256 = %s WHERE name = %s", (digest(file), name)
            )
            if not result.rowcount:
                raise psycopg.Rollback(trial)
            await connection.execute("SET LOCAL search_path = public")
            await connection.execute("CALL rebuild_put_off_indexes(%s)", (name,))
            return True
        await keep(connection, file)
    return False


async def unfilled(connection: Connection, names: list[str]) -> dict[int, list[str]]:
    """The partitions which are not in all of these new tables yet, and in which they are not."""
    rows = await (
        await connection.execute("SELECT part, name FROM rebuilt_parts WHERE name = ANY (%s)", (names,))
    ).fetchall()
    filled = set(rows)
    left = {part: [name for name in names if (part, name) not in filled] for part in range(PARTS)}
    return {part: lacking for part, lacking in left.items() if lacking}


async def fill(connection: Connection, names: list[str], part: int) -> None:
    """Put one partition of the log into these new tables, as it is at this moment."""
    async with _at_one_moment(connection):
        # With the server's crash the part and the note of it are lost together.
        await connection.execute("SET LOCAL synchronous_commit = off")
        await connection.execute("CALL rebuild_fill(%s, %s)", (names, part))


async def index(connection: Connection, name: str) -> None:
    """Make what was put off, unless it is made."""
    async with connection.transaction():
        row = await (
            await connection.execute("SELECT indexes IS NOT NULL FROM rebuilds WHERE name = %s", (name,))
        ).fetchone()
        if row == (True,):
            await connection.execute(f"SET LOCAL maintenance_work_mem = '{INDEX_MEM}'")
            await connection.execute("CALL rebuild_make_indexes(%s)", (name,))


async def differing(connection: Connection, names: list[str]) -> list[str]:
    """Those of the new tables that differ from the log, once caught up with it; they are cleared away."""
    async with _at_one_moment(connection):
        for name in names:
            await connection.execute("CALL rebuild_catch_up(%s)", (name,))
        rows = await (await connection.execute("SELECT rebuild_differing(%s)", (names,))).fetchall()
    for (name,) in rows:
        await connection.execute("CALL rebuild_abandon(%s)", (name,))
    return [name for (name,) in rows]


async def catch_up(connection: Connection, name: str) -> None:
    """Merge what was appended since the new table was last written."""
    async with _at_one_moment(connection):
        await connection.execute("CALL rebuild_catch_up(%s)", (name,))


async def swap(connection: Connection, name: str) -> None:
    """Put the new table in the old one's place. While somebody reads the old one for long, as an audit does, nothing
    is locked: appends would wait with it, time and again."""
    for _ in range(SWAP_TRIES):
        if await _is_read_for_long(connection, name):
            await asyncio.sleep(SWAP_PAUSE_S)
            continue
        await catch_up(connection, name)
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {SWAP_WAIT_MS}")
                await connection.execute("CALL rebuild_adopt(%s)", (name,))
            return
        except LockNotAvailable:
            await asyncio.sleep(SWAP_PAUSE_S)
    raise RebuildRefused(f"the old {name} is being read without end: run the rebuild again to go on with it")


async def _is_read_for_long(connection: Connection, name: str) -> bool:
    row = await (await connection.execute(_READ_FOR_LONG, (name, SWAP_WAIT_MS / 1_000))).fetchone()
    return row == (True,)


class _Work:
    """What is done once all new tables are staged: every connection takes the next step there is."""

    def __init__(self, connections: list[Connection], names: list[str], events: int, told: Told) -> None:
        self._connections, self._names, self._told = connections, names, told
        self._progress = Progress(steps=PARTS + 2 * len(names) + len(connections), events=events)

    async def done(self) -> None:
        """Fill, index, compare and swap. RebuildRefused, when the others are in service, for what differs."""
        left = await unfilled(self._connections[0], self._names)
        self._progress.done = PARTS - len(left)
        self._told(self._progress)
        await self._shared([(f"part {part}", partial(fill, names=left[part], part=part)) for part in left])
        await self._shared([(name, partial(index, name=name)) for name in self._names])
        wrong: list[str] = []

        async def compare(connection: Connection, names: list[str]) -> None:
            wrong.extend(await differing(connection, names))

        shares = [self._names[nth :: len(self._connections)] for nth in range(len(self._connections))]
        await self._shared([("comparing", partial(compare, names=share)) for share in shares])
        await self._shared([(name, partial(swap, name=name)) for name in self._names if name not in wrong])
        if wrong:
            raise RebuildRefused(
                f"the new {', '.join(sorted(wrong))} differs from the log: the old one stays in service"
            )

    async def _shared(self, steps: list[tuple[str, Callable[[Connection], Awaitable[None]]]]) -> None:
        queue = iter(steps)

        async def work(connection: Connection) -> None:
            for called, step in queue:
                await step(connection)
                self._progress.done, self._progress.step = self._progress.done + 1, called
                self._told(self._progress)

        try:
            async with asyncio.TaskGroup() as group:
                for connection in self._connections:
                    group.create_task(work(connection))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None


async def _events(connection: Connection) -> int:
    row = await (await connection.execute("SELECT coalesce(sum(position), 0)::bigint FROM heads")).fetchone()
    return int(row[0]) if row else 0


@asynccontextmanager
async def _connected(conninfo: str) -> AsyncIterator[Connection]:
    connection: Connection
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await connection.execute("SET client_min_messages = warning; SET statement_timeout = 0")
        yield connection


@asynccontextmanager
async def _at_one_moment(connection: Connection) -> AsyncIterator[None]:
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        # Two connections are a rebuild's share: with workers of each beside them writers waited three times as long.
        await connection.execute(
            f"SET LOCAL work_mem = '{WORK_MEM}'; SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0"
        )
        yield


@asynccontextmanager
async def alone(conninfo: str, *, wait: bool) -> AsyncIterator[Connection]:
    """Holds the right to rebuild as long as its connection lives, so that a killed rebuild's is free at once."""
    async with _connected(conninfo) as connection:
        if wait:
            await connection.execute("SELECT pg_advisory_lock(%s)", (REBUILD_LOCK,))
        else:
            row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", (REBUILD_LOCK,))).fetchone()
            if row != (True,):
                raise RebuildRefused("another rebuild is at it: wait for its end, or end it")
        try:
            yield connection
        finally:
            with suppress(psycopg.Error):  # the server notices a closed connection a moment later
                await connection.execute("SELECT pg_advisory_unlock(%s)", (REBUILD_LOCK,))
