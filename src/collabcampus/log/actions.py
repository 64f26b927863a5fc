"""What somebody did lately in a project, command by command."""

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
    return [Action(*known, frozenset(types), undone) for *known, types, undone in rows]
