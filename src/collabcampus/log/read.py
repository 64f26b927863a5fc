"""Reading the log and the read models."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from msgspec import Struct

from collabcampus.domain import events as e
from collabcampus.log.database import Database

PAGE = 1_000

_COLUMNS = "project_id, position, actor, command_id, rfc3339(at), type, data::text"
_EVENTS = f"""
    SELECT {_COLUMNS} FROM events
    WHERE project_id = %s AND position > %s ORDER BY position LIMIT %s
"""  # noqa: S608 - a constant # nosec B608


class Page(Struct, frozen=True):
    """Events of a project; `newer` is the type before which they end, since only a newer version knows it."""

    events: list[e.Recorded]
    newer: str | None = None


class Answered(Struct, frozen=True):
    """What a commandId was answered: `events` events, the last at `position`; `digest` of its content."""

    digest: bytes
    position: int
    events: int


class Redactions(Struct, frozen=True):
    """How often words were taken out of a project's log, and where it was the last time."""

    count: int = 0
    head: int = 0


UNREDACTED = Redactions()


async def events_after(database: Database, project_id: str, position: int, limit: int = PAGE) -> list[e.Recorded]:
    """A project's events after a position, oldest first, at most `limit`, and none from one on that is not known."""
    return (await page_after(database, project_id, position, limit)).events


async def page_after(database: Database, project_id: str, position: int, limit: int = PAGE) -> Page:
    """The same, and where they end early for one that is not known here."""
    return _known(await database.fetch(_EVENTS, project_id, position, limit))


async def history(
    database: Database, project_id: str, after: int = 0, until: int | None = None
) -> AsyncIterator[e.Recorded]:
    """A project's events after a position, up to another or all, oldest first, a page in memory at a time."""
    while page := await events_after(database, project_id, after):
        for recorded in page:
            if until is not None and recorded.position > until:
                return
            yield recorded
        after = page[-1].position
        if len(page) < PAGE:
            return


async def heads(database: Database, project_ids: list[str]) -> dict[str, int]:
    """The heads of these projects, those that exist."""
    rows = await database.fetch(
        "SELECT project_id, position FROM heads WHERE project_id = ANY(%s::uuid[])", project_ids
    )
    return dict(rows)


async def redactions(database: Database, project_ids: list[str]) -> dict[str, Redactions]:
    """Those of each of these projects that there is."""
    rows = await database.fetch(
        "SELECT h.project_id, count(r.head), coalesce(max(r.head), 0) FROM heads AS h "
        "LEFT JOIN redactions AS r USING (project_id) WHERE h.project_id = ANY(%s::uuid[]) GROUP BY h.project_id",
        project_ids,
    )
    return {project_id: Redactions(count, head) for project_id, count, head in rows}


async def purged(database: Database, project_id: str) -> bool:
    """Whether this was a project's id, and is spent."""
    return bool(await database.fetch("SELECT FROM purged WHERE project_id = %s", project_id))


async def answered(database: Database, project_id: str, command_ids: Sequence[str]) -> dict[str, Answered]:
    """What these commandIds were answered in this project, those that were."""
    rows = await database.fetch(
        "SELECT command_id, digest, position, events FROM commands "
        "WHERE project_id = %s AND command_id = ANY(%s::uuid[])",
        project_id,
        list(command_ids),
    )
    return {command_id: Answered(*known) for command_id, *known in rows}


async def events_of(
    database: Database, project_id: str, until: int, *, things: Sequence[str] = (), types: Sequence[str] = ()
) -> list[e.Recorded]:
    """A project's events up to a position that are about these things or of these types, oldest first.

    The types are constants of ours, never made of input: in the text, an index for some of them can be used.
    """
    listed = ", ".join(f"'{each}'" for each in types) or "NULL"
    rows = await database.fetch(
        f"""
        SELECT {_COLUMNS} FROM events
        WHERE project_id = %s AND position <= %s AND thing(key, data) = ANY(%s)
        UNION SELECT {_COLUMNS} FROM events WHERE project_id = %s AND position <= %s AND type IN ({listed})
        ORDER BY position
        """,  # noqa: S608 - constants # nosec B608
        *(project_id, until, list(things), project_id, until),
    )
    return _known(rows).events


async def activity(
    database: Database, project_id: str, thing: str | None, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """What happened in a project, newest first, from before a position on; with `thing`, to that alone: to a
    task with its comments and checklist, say. `before` holds what the
    changed fields were, `called` is what the thing was called then."""
    of_thing = "AND thing = %s" if thing else ""
    rows = await database.fetch(
        f"""
        SELECT jsonb_build_object('position', position, 'type', type, 'thing', thing, 'key', key, 'actor', actor,
                                  'at', at, 'called', called, 'changes', changes, 'before', coalesce(before, '{{}}'))
        FROM activity
        WHERE project_id = %s AND position < coalesce(%s::bigint, 9223372036854775807) {of_thing}
        ORDER BY position DESC LIMIT %s
        """,  # noqa: S608 - constants # nosec B608
        *(project_id, before, *((thing,) if thing else ()), limit),
    )
    return [row[0] for row in rows]


async def project_of(database: Database, unique_id: str) -> str | None:
    """The project that an id from the directory belongs to: a task's."""
    rows = await database.fetch("SELECT project_id FROM directory WHERE id = %s", unique_id)
    return str(rows[0][0]) if rows else None


async def taken_ids(database: Database, ids: Sequence[str]) -> set[str]:
    """Those of these ids that the directory knows."""
    rows = await database.fetch("SELECT id FROM directory WHERE id = ANY(%s::uuid[])", list(ids))
    return {each for (each,) in rows}


async def projects_of(
    database: Database, user_id: str, archived: bool, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """The projects a person is a member of, in use or archived, by id, after a cursor: project rows with `role` and
    `position`."""
    rows = await database.fetch(
        """
        SELECT p.row || jsonb_build_object('role', m.row -> 'role', 'position', h.position)
        FROM membership AS m
        JOIN project AS p ON p.project_id = m.project_id
        JOIN heads AS h ON h.project_id = m.project_id
        WHERE m.key = %s AND p.row -> 'archived' = to_jsonb(%s::boolean)
            AND m.project_id > coalesce(%s::uuid, '00000000-0000-0000-0000-000000000000')
        ORDER BY m.project_id LIMIT %s
        """,
        user_id,
        archived,
        after,
        limit,
    )
    return [row[0] for row in rows]


async def messages_before(
    database: Database, project_id: str, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """Chat messages newest first, those sent before a position."""
    rows = await database.fetch(
        "SELECT row FROM chat WHERE project_id = %s AND since < coalesce(%s::bigint, 9223372036854775807) "
        "ORDER BY since DESC LIMIT %s",
        project_id,
        before,
        limit,
    )
    return [row[0] for row in rows]


def _known(rows: Iterable[tuple[Any, ...]]) -> Page:
    events: list[e.Recorded] = []
    for row in rows:
        try:
            events.append(_recorded(row))
        except e.UnknownType as unknown:
            return Page(events, str(unknown.args[0]))
    return Page(events)


def _recorded(row: tuple[Any, ...]) -> e.Recorded:
    project_id, position, actor, command_id, at, type_name, data = row
    return e.Recorded(project_id, position, actor, command_id, at, e.decode_event(type_name, data), data.encode())
