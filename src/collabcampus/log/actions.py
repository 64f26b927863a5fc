"""What somebody did lately in a project, command by command; and what undoing did."""

from collections.abc import Sequence

from msgspec import Struct

from collabcampus.log.database import Database

LOOKED_BACK = 10_000
"""So many positions before the head, at most."""


class Action(Struct, frozen=True):
    """A command that was carried out, newest event at `position`; `undone` is the command that it undid or redid."""

    command_id: str
    position: int
    own: bool
    types: frozenset[str]
    undone: str | None


async def lately(database: Database, project_id: str, head: int, actor: str) -> list[Action]:
    """What a person did, and what anybody undid or redid, newest first."""
    rows = await database.fetch(
        """
        SELECT command_id, max(position), bool_and(actor = %s), array_agg(DISTINCT type),
               min(key) FILTER (WHERE type IN ('CommandUndone', 'CommandRedone'))
        FROM events
        WHERE project_id = %s AND position > %s AND position <= %s
            AND (actor = %s OR type IN ('CommandUndone', 'CommandRedone'))
        GROUP BY command_id ORDER BY max(position) DESC
        """,
        *(actor, project_id, head - LOOKED_BACK, head, actor),
    )
    return [Action(row[0], row[1], row[2], frozenset(row[3]), row[4]) for row in rows]


async def restored(database: Database, project_id: str, things: Sequence[str], after: int, until: int) -> list[int]:
    """The positions in between of events about these things by which something was undone or redone."""
    rows = await database.fetch(
        """
        SELECT e.position FROM events AS e
        JOIN commands AS c ON c.project_id = e.project_id AND c.command_id = e.command_id
        JOIN events AS m ON m.project_id = e.project_id AND m.position = c.position - c.events + 1
            AND m.type IN ('CommandUndone', 'CommandRedone')
        WHERE e.project_id = %s AND thing(e.key, e.data) = ANY(%s) AND e.position > %s AND e.position <= %s
        """,
        *(project_id, list(things), after, until),
    )
    return [position for (position,) in rows]
