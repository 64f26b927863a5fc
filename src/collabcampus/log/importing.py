"""Import: an export taken into the log bit for bit, beside a running server if there is one.

The whole file is verified before anything is accepted: its counts and digest, every position, hash and salted
digest, and that every event is one this version knows. Then project by project, each in a transaction of its own, so
that what is interrupted goes on when it is done again. A project that is there goes on where its history is the
file's; one with another history is refused. Read models, the directory, the feed and running servers follow as after
an append.

It works as the database's owner: the server's role cannot do any of this.
"""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psycopg
from msgspec import Struct

from collabcampus.domain import events as e
from collabcampus.log import lines
from collabcampus.log.database import Connection
from collabcampus.log.verified import Batch, batches

LOCKED_AGAIN_S = 0.01
"""Before a project that is just being written is tried again."""

Progress = Callable[[int], None]
"""Hears how many events were verified or taken in since it was called last."""

_LIKE_APPEND = """
    SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off;
    SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL TimeZone = 'UTC'
"""
_EVENTS = """
    COPY events (project_id, position, type, key, data, actor, command_id, at, salt, digest, hash) FROM STDIN
"""
_KEEP = """
    SELECT keep(array_agg(e.project_id), array_agg(e.position), array_agg(e.type), array_agg(e.key),
                array_agg(e.data::text), array_agg(e.actor), array_agg(rfc3339(e.at)))
    FROM (SELECT * FROM events WHERE project_id = %s AND position BETWEEN %s AND %s ORDER BY position) AS e
"""
_COMMANDS = """
    INSERT INTO commands (project_id, command_id, actor, digest, position, events, at)
    SELECT %s::uuid, c.command_id, c.actor, c.digest, c.position, c.events, c.at::timestamptz
    FROM unnest(%s::uuid[], %s::uuid[], %s::bytea[], %s::bigint[], %s::integer[], %s::text[])
        AS c(command_id, actor, digest, position, events, at)
    ON CONFLICT DO NOTHING
"""
_REDACTIONS = """
    INSERT INTO redactions (project_id, position, nth, head, redacted_at, by, reason, sha256)
    SELECT %s::uuid, r.position, r.nth, r.head, r.redacted_at::timestamptz, r.by, r.reason, r.sha256
    FROM unnest(%s::bigint[], %s::integer[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bytea[])
        AS r(position, nth, head, redacted_at, by, reason, sha256)
"""
_DIRECTORY = """
    INSERT INTO directory (id, project_id) SELECT n.id, %s::uuid FROM unnest(%s::uuid[]) AS n(id) ORDER BY n.id
    ON CONFLICT DO NOTHING
"""
_PURGED = "SELECT true FROM purged WHERE project_id = %s"
_TAKEN = "SELECT id FROM directory WHERE id = ANY (%s::uuid[]) AND project_id <> %s"
_PERSON = """
    INSERT INTO accounts (user_id, name, email, password_hash) VALUES (%s, %s, %s, '') ON CONFLICT DO NOTHING
"""


class HistoryDiffers(Exception):
    """The project is in the log with another history."""


class Purged(HistoryDiffers):
    """The project was purged here, for good."""


class IdTaken(Exception):
    """A task's id belongs to another project here."""


class Imported(Struct, rename="camel"):
    """What was new here, and what was there already."""

    projects: int = 0
    events: int = 0
    people: int = 0
    known_projects: int = 0


async def import_file(conninfo: str, file: Path, progress: Progress = lambda _: None) -> Imported:
    """Take an export in. Damaged where the file does not hold, and then nothing was taken; HistoryDiffers or IdTaken
    where a project cannot be, and then those before it in the file were."""
    for batch in batches(file):
        progress(len(batch.events))
        await asyncio.sleep(0)  # a signal may end it
    done = Imported()
    connection: Connection = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
    async with connection:
        taking = _Taking(connection, done)
        try:
            for batch in batches(file):
                await taking.take(batch)
                progress(len(batch.events))
            await taking.finish()
        except BaseException:
            await taking.abandon()
            raise
    return done


class _Taking:
    """One file's way into the log, a project's transaction at a time."""

    def __init__(self, connection: Connection, done: Imported) -> None:
        self._connection, self._done = connection, done
        self._project: lines.Project | None = None
        self._head = 0
        self._grew = False

    async def take(self, batch: Batch) -> None:
        """One batch: of people, or of a project's events and commands."""
        for person in batch.people:
            result = await self._connection.execute(_PERSON, (person.user_id, person.name, person.email))
            self._done.people += result.rowcount
        if batch.project is None:
            return
        if batch.project is not self._project:
            await self.finish()
            await self._begin(batch.project)
        await self._write(batch.project, batch)

    async def finish(self) -> None:
        """Commit the project that was begun, and tell running servers."""
        project, self._project = self._project, None
        if project is None:
            return
        if self._grew:
            await self._connection.execute(
                "UPDATE heads SET position = %s, hash = %s WHERE project_id = %s",
                (project.position, project.hash, project.project_id),
            )
            await self._connection.execute(
                "SELECT pg_notify('collabcampus_heads', %s)", (f"{project.project_id}:{project.position}",)
            )
        await self._connection.execute("COMMIT")
        self._done.projects += self._grew
        self._done.known_projects += not self._grew

    async def abandon(self) -> None:
        """Take back what of a project is not whole."""
        if self._project is not None and not self._connection.broken:
            await self._connection.execute("ROLLBACK")

    async def _begin(self, project: lines.Project) -> None:
        if await (await self._connection.execute(_PURGED, (project.project_id,))).fetchone():
            raise Purged(f"project {project.project_id} was purged here: its id is spent")
        while not await self._locked(project.project_id):  # noqa: ASYNC110 - another's lock tells nobody when it goes
            await asyncio.sleep(LOCKED_AGAIN_S)
        self._project = project
        await self._connection.execute(_LIKE_APPEND)
        self._grew = False
        if self._head >= project.position:
            await self._require_same(project, project.position, project.hash)

    async def _locked(self, project_id: str) -> bool:
        """Begin a transaction that holds the project's head, without waiting for who holds it: its number would be
        lower than that of who appends before it, and the feed would tell them in the wrong order."""
        await self._connection.execute("BEGIN")
        try:
            select = "SELECT position FROM heads WHERE project_id = %s FOR UPDATE NOWAIT"
            row = await (await self._connection.execute(select, (project_id,))).fetchone()
            if row is None:
                made = await self._connection.execute(
                    "INSERT INTO heads (project_id, position, hash) VALUES (%s, 0, genesis()) ON CONFLICT DO NOTHING",
                    (project_id,),
                )
                if not made.rowcount:
                    await self._connection.execute("ROLLBACK")
                    return False
        except psycopg.errors.LockNotAvailable:
            await self._connection.execute("ROLLBACK")
            return False
        self._head = row[0] if row else 0
        return True

    async def _write(self, project: lines.Project, batch: Batch) -> None:
        for event in batch.events:
            if event.position == self._head:
                await self._require_same(project, event.position, event.hash)
        events = [each for each in batch.events if each.position > self._head]
        commands = [each for each in batch.commands if each.position > self._head or not each.events]
        if events:
            await self._append(project.project_id, events)
            self._done.events += len(events)
            self._grew = True
        redactions = [each for each in batch.redactions if each.position > self._head]
        if redactions:
            told = _columns((r.position, r.nth, r.head, r.redacted_at, r.by, r.reason, r.sha256) for r in redactions)
            await self._connection.execute(_REDACTIONS, (project.project_id, *told))
        if commands:
            told = _columns((c.command_id, c.actor, c.digest, c.position, c.events, c.at) for c in commands)
            await self._connection.execute(_COMMANDS, (project.project_id, *told))

    async def _append(self, project_id: str, events: list[lines.Event]) -> None:
        async with self._connection.cursor() as cursor, cursor.copy(_EVENTS.encode()) as copy:
            for v in events:
                await copy.write_row(
                    (
                        project_id,
                        v.position,
                        v.type,
                        v.key,
                        v.data,
                        v.actor,
                        v.command_id,
                        v.at,
                        v.salt,
                        v.digest,
                        v.hash,
                    )
                )
        await self._connection.execute(_KEEP, (project_id, events[0].position, events[-1].position))
        created = [each.key for each in events if each.type == e.TaskCreated.__name__]
        if created:
            await self._connection.execute(_DIRECTORY, (project_id, created))
            taken_ids = await self._connection.execute(_TAKEN, (created, project_id))
            if taken := await taken_ids.fetchone():
                raise IdTaken(f"task {taken[0]} of project {project_id} is another project's here")

    async def _require_same(self, project: lines.Project, position: int, expected: bytes) -> None:
        rows = await self._connection.execute(
            "SELECT hash FROM events WHERE project_id = %s AND position = %s", (project.project_id, position)
        )
        if await rows.fetchone() != (expected,):
            raise HistoryDiffers(f"project {project.project_id} is in the log with another history")


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(each) for each in zip(*rows, strict=True)]
