"""Projects whose owners can act no more: disabled, or gone from the accounts."""

from collections.abc import Iterable
from typing import Any

from collabcampus.log.database import Database

HEIRS_SHOWN = 20
"""Of the other members, so many are named."""

_ACTIVE = "EXISTS (SELECT FROM accounts AS a WHERE a.user_id = m.key::uuid AND a.disabled_at IS NULL)"


async def orphaned(database: Database, after: str | None, limit: int) -> list[dict[str, Any]]:
    """Projects without an active owner, by id: their owners, how many members they have, and some who could be given
    it, editors first. Of what the projects are about, not even their names."""
    rows = await database.fetch(
        f"""
        SELECT jsonb_build_object(
            'projectId', p.project_id, 'archived', p.row -> 'archived',
            'owners', (SELECT coalesce(jsonb_agg(m.key ORDER BY m.since), '[]') FROM membership AS m
                       WHERE m.project_id = p.project_id AND m.row ->> 'role' = 'owner'),
            'memberCount', (SELECT count(*) FROM membership AS m WHERE m.project_id = p.project_id),
            'members', (SELECT coalesce(jsonb_agg(heir.key), '[]') FROM (
                SELECT m.key FROM membership AS m WHERE m.project_id = p.project_id AND {_ACTIVE}
                ORDER BY m.row ->> 'role' = 'editor' DESC, m.since LIMIT {HEIRS_SHOWN}) AS heir))
        FROM project AS p
        WHERE p.project_id > coalesce(%s::uuid, '00000000-0000-0000-0000-000000000000') AND NOT EXISTS (
            SELECT FROM membership AS m
            WHERE m.project_id = p.project_id AND m.row ->> 'role' = 'owner' AND {_ACTIVE})
        ORDER BY p.project_id LIMIT %s
        """,  # noqa: S608 - constants # nosec B608
        after,
        limit,
        by_values=True,
    )
    return [row[0] for row in rows]


async def inactive(database: Database, user_ids: Iterable[str]) -> tuple[str, ...]:
    """Which of these people are disabled or not registered any more."""
    asked = list(user_ids)
    rows = await database.fetch(
        "SELECT user_id FROM accounts WHERE user_id = ANY(%s::uuid[]) AND disabled_at IS NULL", asked
    )
    active = {row[0] for row in rows}
    return tuple(each for each in asked if each not in active)
