"""Consumers of the whole log: every event of every project, once it is certain that none can come before it.

    async for fed in follow_all(database, Stored(database, "statistics")):
        handle(fed.event)

Events come ordered by the transaction that appended them, by project, and by position, and only from transactions
older than any that is still open: so nothing that commits late is skipped, and a project's events come in order. The
price: whoever leaves a writing transaction open, in any database of the server, holds everything behind it back.
`lag` shows that.

The checkpoint is kept when what was fed up to it has been handled, a page at a time: after a crash some come again,
none is left out. Who needs each exactly once keeps `fed.checkpoint` together with what is made of the event.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Protocol

import psycopg
from msgspec import Struct

from collabcampus.domain import events as e
from collabcampus.domain.errors import Unavailable
from collabcampus.log.database import Connection, Database
from collabcampus.log.follow import HEADS

TRANSACTIONS_AT_ONCE = 500
"""Commands whose events are read at once."""
LOOK_S = 0.25
"""How long a hint is waited for before looking again: what was held back comes without one."""
RECONNECT_S = 0.5

_INDEX_LOOKUPS = b"""
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off
"""
"""A page is small however much there is."""
_PAGE = """
    SELECT f.xid::text, e.project_id, e.position, e.actor, e.command_id, rfc3339(e.at), e.type, e.data::text
    FROM (SELECT * FROM feed
          WHERE (xid, project_id, position) > (%(xid)s::text::xid8, %(project)s::uuid, %(position)s)
              AND xid < pg_snapshot_xmin(pg_current_snapshot())
          ORDER BY xid, project_id, position LIMIT %(limit)s) AS f
    CROSS JOIN LATERAL (
        SELECT * FROM events AS e WHERE e.project_id = f.project_id
            AND e.position > f.position - f.events AND e.position <= f.position) AS e
    WHERE (f.xid, e.project_id, e.position) > (%(xid)s::text::xid8, %(project)s::uuid, %(position)s)
    ORDER BY f.xid, e.project_id, e.position
"""
_LAG = """
    SELECT coalesce(sum(events), 0)::bigint,
           coalesce(sum(events) FILTER (WHERE NOT seen), 0)::bigint,
           coalesce(extract(epoch FROM clock_timestamp() - min(at))::float8, 0)
    FROM (SELECT events, at, xid < pg_snapshot_xmin(pg_current_snapshot()) AS seen FROM commands
          WHERE events > 0 AND (xid, project_id, position) > (%(xid)s::text::xid8, %(project)s::uuid, %(position)s)
    ) AS ahead
"""
_KNOWN_HERE = "SELECT %s::text::xid8 < pg_snapshot_xmax(pg_current_snapshot())"


class CheckpointOfElsewhere(Exception):
    """The checkpoint is of transactions this server has not had: of another one, or of before a restore."""


class Checkpoint(Struct, frozen=True, rename="camel", order=True):
    """A place in the feed: the transaction, the project and the position of the last event that was handled."""

    xid: int = 0
    project_id: str = "00000000-0000-0000-0000-000000000000"
    position: int = 0


BEGIN = Checkpoint()


class Fed(Struct, frozen=True):
    """An event, and the checkpoint that stands behind it."""

    event: e.Recorded
    checkpoint: Checkpoint


class Checkpoints(Protocol):
    """Where a consumer keeps how far it has come."""

    async def load(self) -> Checkpoint:
        """How far it came; BEGIN at first."""

    async def save(self, checkpoint: Checkpoint) -> None:
        """All up to it is handled."""


class Stored:
    """Kept in the database, under the consumer's name; one consumer of a name at a time."""

    def __init__(self, database: Database, name: str) -> None:
        self._database, self._name = database, name

    async def load(self) -> Checkpoint:
        rows = await self._database.fetch(
            "SELECT xid::text, project_id, position FROM consumers WHERE name = %s", self._name
        )
        return Checkpoint(int(rows[0][0]), *rows[0][1:]) if rows else BEGIN

    async def save(self, checkpoint: Checkpoint) -> None:
        await self._database.write(
            "INSERT INTO consumers AS c (name, xid, project_id, position) VALUES (%s, %s::text::xid8, %s, %s) "
            "ON CONFLICT (name) DO UPDATE SET xid = excluded.xid, project_id = excluded.project_id, "
            "position = excluded.position, at = now() RETURNING 1",
            *(self._name, str(checkpoint.xid), checkpoint.project_id, checkpoint.position),
        )


class Lag(Struct, frozen=True, rename="camel"):
    """How far a consumer is behind: `events` that it has not handled, of which `held` back by a transaction that is
    still open, the oldest appended `seconds` ago."""

    events: int
    held: int
    seconds: float


async def follow_all(
    database: Database, checkpoints: Checkpoints, *, until_caught_up: bool = False
) -> AsyncIterator[Fed]:
    """Every event from the checkpoint on, for ever, or until there is none.

    A lost connection is made again, and what was handled does not come again for that. CheckpointOfElsewhere where
    the checkpoint is none of this server's.
    """
    checkpoint = saved = await checkpoints.load()
    await _require_known(database, checkpoint)
    while True:
        with suppress(psycopg.OperationalError, Unavailable):
            connection = await database.connect()
            async with connection:
                await connection.execute(_INDEX_LOOKUPS)
                await connection.execute(b"LISTEN " + HEADS.encode())
                if saved != checkpoint:  # the connection was lost over it
                    await checkpoints.save(checkpoint)
                    saved = checkpoint
                async for page in _pages(connection, checkpoint, until_caught_up):
                    for fed in page:
                        yield fed
                    checkpoint = page[-1].checkpoint
                    await checkpoints.save(checkpoint)
                    saved = checkpoint
            return
        await asyncio.sleep(RECONNECT_S)


async def lag(database: Database, checkpoint: Checkpoint) -> Lag:
    """How far behind a consumer is that came so far."""
    async with database.connection() as connection:
        row = await (await connection.execute(_LAG, _place(checkpoint))).fetchone()
    return Lag(*row) if row else Lag(0, 0, 0)


class Consumer(Struct, frozen=True, rename="camel"):
    """Who keeps a place in this database, when they last did, and how far behind they are."""

    name: str
    at: str
    checkpoint: Checkpoint
    lag: Lag


async def consumers(database: Database) -> list[Consumer]:
    """All of them, by name."""
    rows = await database.fetch(
        "SELECT name, rfc3339(at), xid::text, project_id, position FROM consumers ORDER BY name"
    )
    places = [(name, at, Checkpoint(int(xid), *place)) for name, at, xid, *place in rows]
    return [Consumer(name, at, place, await lag(database, place)) for name, at, place in places]


async def _pages(connection: Connection, checkpoint: Checkpoint, until_caught_up: bool) -> AsyncIterator[list[Fed]]:
    while True:
        rows = await (
            await connection.execute(_PAGE, {**_place(checkpoint), "limit": TRANSACTIONS_AT_ONCE})
        ).fetchall()
        if rows:
            page = [_fed(row) for row in rows]
            yield page
            checkpoint = page[-1].checkpoint
        elif until_caught_up:
            return
        else:
            async for _ in connection.notifies(timeout=LOOK_S, stop_after=1):
                pass


async def _require_known(database: Database, checkpoint: Checkpoint) -> None:
    rows = await database.fetch(_KNOWN_HERE, str(checkpoint.xid))
    if not rows[0][0]:
        raise CheckpointOfElsewhere(f"transaction {checkpoint.xid} has not been on this server")


def _place(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"xid": str(checkpoint.xid), "project": checkpoint.project_id, "position": checkpoint.position}


def _fed(row: tuple[Any, ...]) -> Fed:
    xid, project_id, position, actor, command_id, at, type_name, data = row
    event = e.decode_event(type_name, data)
    recorded = e.Recorded(project_id, position, actor, command_id, at, event, data.encode())
    return Fed(recorded, Checkpoint(int(xid), project_id, position))
