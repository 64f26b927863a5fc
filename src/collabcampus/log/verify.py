"""The audit: the log against itself, each kept read model against the log, and Python's fold against both.

It only reads, in one snapshot of the database: beside a running server, on a replica, on a restored copy.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import psycopg

from collabcampus.log import checks, purging, redaction
from collabcampus.log.checks import Audited as Audited
from collabcampus.log.checks import Check
from collabcampus.log.checks import Finding as Finding
from collabcampus.log.checks import Progress as Progress
from collabcampus.log.checks import Told as Told
from collabcampus.log.database import Connection
from collabcampus.log.folded import fold_all

WORK_MEM = "64MB"
"""For each sort or hash of a check."""

_SETTINGS = f"SET LOCAL statement_timeout = 0; SET LOCAL jit = off; SET LOCAL work_mem = '{WORK_MEM}'"
_COUNTED = "SELECT count(*), coalesce(sum(position), 0)::bigint FROM heads WHERE position > 0"


async def audit(connection: Connection, *others: Connection, told: Told = lambda _: None) -> list[Finding]:
    """Everything in the log and its read models that does not hold, at one moment; empty when all holds.

    `others` are connections to the same server that take their share. All are in autocommit mode.
    """
    return (await audit_whole(connection, *others, told=told)).findings


async def audit_whole(connection: Connection, *others: Connection, told: Told = lambda _: None) -> Audited:
    """The same, and how much there is."""
    kept = await _kept(connection)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_one_moment(connection))
        # Before the moment is fixed: of a table that a rebuild swaps in after it, we would see nothing.
        for name in kept:
            await connection.execute(f"LOCK TABLE {name} IN ACCESS SHARE MODE".encode())
        ((moment,),) = await _rows(connection, "SELECT pg_export_snapshot()")
        for each in others:
            await stack.enter_async_context(_one_moment(each, moment))
        return await _Audit([connection, *others], told).run()


async def check_all(connection: Connection) -> list[Finding]:
    """The checks alone, inside a transaction of the caller's."""
    return (await _Audit([connection], lambda _: None).run()).findings


class _Audit:
    """One audit, on connections that see the same."""

    def __init__(self, connections: Sequence[Connection], told: Told) -> None:
        self._connections, self._told = connections, told
        self._progress = Progress()
        self._findings: list[Finding] = []
        self._waiting: deque[Check] = deque()

    async def run(self) -> Audited:
        first = self._connections[0]
        projects, self._progress.events = (await _rows(first, _COUNTED))[0]
        kept = await _kept(first)
        partitions = [part for (part,) in await _rows(first, checks.PARTITIONS)]
        # The longest first, so that nobody waits for one at the end.
        self._waiting.extend([*map(checks.table_check, kept), *checks.log_checks(partitions)])
        self._waiting += [Check("redactions", redaction.UNACCOUNTED), Check("purged", purging.RISEN)]
        self._progress.checks = len(self._waiting)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._fold(first, kept))
                for each in self._connections[1:]:
                    group.create_task(self._work(each))
        except* psycopg.Error as errors:
            raise errors.exceptions[0] from None
        ((purged,),) = await _rows(first, "SELECT count(*) FROM purged")
        redacted = await redaction.count(first)
        # By name, and not by which connection was quicker.
        findings = sorted(self._findings, key=lambda each: (each.check, each.project_id, each.what))
        return Audited(projects, self._progress.events, findings, redacted, purged)

    async def _fold(self, connection: Connection, kept: list[str]) -> None:
        """Fold, while the others check in SQL, and then help them."""
        self._findings += await fold_all(connection, kept, self._folded)
        await self._work(connection)

    async def _work(self, connection: Connection) -> None:
        """Take one check after another, with whoever else does."""
        while self._waiting:
            check = self._waiting.popleft()
            self._step(check.name)
            self._findings += await _found(connection, check)
            self._progress.checked += 1
            self._step(check.name)

    def _folded(self, events: int) -> None:
        self._progress.folded += events
        self._step("fold")

    def _step(self, name: str) -> None:
        self._progress.step = name
        self._told(self._progress)


async def _found(connection: Connection, check: Check) -> list[Finding]:
    try:
        async with connection.transaction():
            rows = await _rows(connection, check.query)
    except psycopg.DataError:
        if check.of_one is None:
            raise
        return await _found_one_by_one(connection, check.name, check.of_one)
    return [Finding(check.name, str(project_id), what) for project_id, what in rows]


async def _found_one_by_one(connection: Connection, name: str, query: str) -> list[Finding]:
    """The same where some project's events, written by hand, are such that the view of them fails: the others shall
    not be hidden by it."""
    found = []
    for (project_id,) in await _rows(connection, "SELECT project_id::text FROM heads ORDER BY project_id"):
        try:
            async with connection.transaction():
                rows = await _rows(connection, query, {"project": project_id})
        except psycopg.DataError as error:
            found.append(Finding(name, project_id, f"the log cannot be read for it: {error.diag.message_primary}"))
        else:
            found += [Finding(name, project_id, what) for _, what in rows]
    return found


async def _kept(connection: Connection) -> list[str]:
    return [name for (name,) in await _rows(connection, checks.KEPT)]


async def _rows(connection: Connection, query: str, values: dict[str, str] | None = None) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query.encode(), values)).fetchall()


@asynccontextmanager
async def _one_moment(connection: Connection, moment: str | None = None) -> AsyncIterator[None]:
    """A transaction that reads one snapshot: a fresh one, or that which another transaction has exported."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if moment:
            await connection.execute(f"SET TRANSACTION SNAPSHOT '{moment}'".encode())
        await connection.execute(_SETTINGS.encode())
        yield
