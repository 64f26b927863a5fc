"""Redaction: people's words are taken out of the log for good, while its chain of hashes still holds.

What an event says is replaced, and so is the same wherever it stands again in the history of the same thing: a task
with its comments and its checklist, a message, the project itself. A project's read models are made anew in the same
transaction, and every node is told to look again. The SQL (`schema/023_erasure.sql`) says how the log lets it happen.

It works as the database's owner: the server's role cannot do any of this.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from collabcampus.domain import events as e
from collabcampus.domain import words
from collabcampus.log.database import Connection
from collabcampus.log.rebuild import alone

UNACCOUNTED = """
    SELECT e.project_id, format('position %s was changed and no redaction says so', e.position) FROM events AS e
    WHERE e.salt IS NULL AND sha256(convert_to(e.data::text, 'UTF8')) IS DISTINCT FROM (
        SELECT r.sha256 FROM redactions AS r WHERE (r.project_id, r.position) = (e.project_id, e.position)
        ORDER BY r.nth DESC LIMIT 1)
    UNION ALL
    SELECT r.project_id, format('position %s was never redacted, as is said', r.position)
    FROM redactions AS r LEFT JOIN events AS e ON (e.project_id, e.position) = (r.project_id, r.position)
    GROUP BY r.project_id, r.position, e.position, e.salt
    HAVING e.position IS NULL OR e.salt IS NOT NULL OR max(r.nth) <> count(*)
"""
"""For the audit: redactions and redacted events that do not belong together."""

_COUNT = "SELECT count(*) FROM events WHERE salt IS NULL"
_HEAD = "SELECT position FROM heads WHERE project_id = %s FOR UPDATE"
_THINGS = """
    SELECT DISTINCT thing(key, data) FROM events
    WHERE project_id = %s AND (position = ANY (%s::bigint[]) OR actor = %s AND type = ANY (%s))
"""
_EVENTS = """
    SELECT position, type, key, actor, thing(key, data), data::text FROM events
    WHERE project_id = %s AND thing(key, data) = ANY (%s) ORDER BY position
"""
_WROTE_IN = "SELECT DISTINCT project_id FROM events WHERE actor = %s AND type = ANY (%s) ORDER BY project_id"
_ELSEWHERE = """
    SELECT DISTINCT e.project_id, e.position FROM events AS e JOIN unnest(%s::text[]) AS said(text)
        ON strpos(e.data::text, said.text) > 0 ORDER BY e.project_id, e.position
"""


class NotRedacted(Exception):
    """Nothing of the project was redacted; the message says why."""


class Place(Struct, frozen=True, rename="camel"):
    """An event."""

    project_id: str
    position: int


class Redacted(Struct, rename="camel"):
    """Events that were changed, and others that still say the same elsewhere."""

    redacted: list[Place]
    elsewhere: list[Place]


class _Row(Struct, frozen=True):
    position: int
    type: str
    key: str
    actor: str
    thing: str
    data: str


class _Chosen(Struct, frozen=True):
    """Which events are to lose their words: those at positions, or what a person wrote."""

    positions: Sequence[int] = ()
    person: str | None = None

    def words_of(self, row: _Row) -> set[str]:
        """What is to go of this event; nothing where it is not one of those."""
        if row.position in self.positions:
            return words.words(row.type, _decoded(row), words.EVERY_FIELD)
        return words.words(row.type, _decoded(row), words.WRITTEN) if row.actor == self.person else set()


async def redact(conninfo: str, project_id: str, positions: Sequence[int], reason: str) -> Redacted:
    """Take the words out of these events, names of projects, columns and labels too. NotRedacted where a position is
    not there or says nothing; RebuildRefused while read models are rebuilt."""
    async with alone(conninfo, wait=False) as connection:
        places, said = await _redact(connection, project_id, _Chosen(positions), reason)
        await vacuum(connection)
        return Redacted(places, await _elsewhere(connection, said))


async def redact_person(conninfo: str, user_id: str, reason: str) -> Redacted:
    """Take out what this person wrote in every project: titles, descriptions, checklists, comments and messages. Each
    project is a transaction: done again, an interrupted one goes on. RebuildRefused while read models are rebuilt."""
    done = Redacted([], [])
    async with alone(conninfo, wait=False) as connection:
        rows = await connection.execute(_WROTE_IN, (user_id, list(words.FIELDS)))
        for (project_id,) in await rows.fetchall():
            places, _ = await _redact(connection, str(project_id), _Chosen(person=user_id), reason)
            done.redacted += places
        await vacuum(connection)
    return done


async def count(connection: Connection) -> int:
    """How many events are redacted."""
    row = await (await connection.execute(_COUNT)).fetchone()
    return int(row[0]) if row else 0


async def _redact(
    connection: Connection, project_id: str, chosen: _Chosen, reason: str
) -> tuple[list[Place], set[str]]:
    """One project's part: the events that were changed, and the words that were to go."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hold_snapshot(%s))", (project_id,))
        if not await (await connection.execute(_HEAD, (project_id,))).fetchone():
            raise NotRedacted(f"there is no project {project_id}")
        await clear_unfinished(connection)
        rows = await _rows(connection, project_id, chosen)
        _require(chosen, rows)
        said: defaultdict[str, set[str]] = defaultdict(set)
        for row in rows:
            said[row.thing] |= chosen.words_of(row)
        changed = [(row.position, new) for row in rows if (new := _replaced(row, said[row.thing]))]
        for position, new in changed:
            await connection.execute("CALL redact(%s, %s, %s, %s)", (project_id, position, new, reason))
        if changed:
            await connection.execute("CALL show_redacted(%s)", (project_id,))
    return [Place(project_id, position) for position, _ in changed], set().union(*said.values())


async def _rows(connection: Connection, project_id: str, chosen: _Chosen) -> list[_Row]:
    """The whole history of everything the chosen events are about."""
    asked = (project_id, list(chosen.positions), chosen.person, list(words.FIELDS))
    things = [thing for (thing,) in await (await connection.execute(_THINGS, asked)).fetchall()]
    found = await (await connection.execute(_EVENTS, (project_id, things))).fetchall()
    return [_Row(position, kind, key, str(actor), thing, data) for position, kind, key, actor, thing, data in found]


def _require(chosen: _Chosen, rows: list[_Row]) -> None:
    known = {row.position: row for row in rows}
    for position in chosen.positions:
        if position not in known:
            raise NotRedacted(f"there is no position {position}")
        if known[position].type not in words.FIELDS:
            raise NotRedacted(f"position {position} is a {known[position].type}, which says nothing")


def _replaced(row: _Row, said: Collection[str]) -> str | None:
    """The event's new data, which are read as the old ones were; None where nothing of it goes."""
    old = _decoded(row)
    new = words.without(row.type, old, said)
    if new == old:
        return None
    text = msgspec.json.encode(new).decode()
    assert e.decode_event(row.type, text).key == row.key, "it is about what it was about"
    return text


def _decoded(row: _Row) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(row.data)
    return decoded


async def clear_unfinished(connection: Connection) -> None:
    """What a killed rebuild left holds the words as well; nobody is at it, since we hold its lock."""
    for (name,) in await (await connection.execute("SELECT name FROM rebuilds")).fetchall():
        await connection.execute("CALL rebuild_abandon(%s)", (name,))


async def vacuum(connection: Connection) -> None:
    """Free what dead rows held, and forget samples of them that the planner keeps."""
    names = await (await connection.execute("SELECT name FROM projections WHERE touched_by <> '{}'")).fetchall()
    tables = ", ".join(["events", "commands", "snapshots", *(name for (name,) in names)])
    await connection.execute(f"VACUUM (ANALYZE) {tables}".encode())


async def _elsewhere(connection: Connection, said: Collection[str]) -> list[Place]:
    """Where the log still says what was to go, as far as it is long enough not to stand there by chance."""
    sought = [msgspec.json.encode(each).decode()[1:-1] for each in said if len(each) >= words.QUOTED]
    rows = await (await connection.execute(_ELSEWHERE, (sought,))).fetchall() if sought else []
    return [Place(str(project_id), position) for project_id, position in rows]
