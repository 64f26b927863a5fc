"""What one person sees across projects, and what they have read. A person sees what is in their projects alone."""

from typing import Any

from msgspec import Struct

from collabcampus.log.database import Database

COUNTED = 1_000
"""Unread messages of a project beyond so many are counted as so many."""
NOBODY = "00000000-0000-0000-0000-000000000000"
LAST_DAY = "~"
"""Sorts after every day: tasks that are due never come last."""


class Wanted(Struct, frozen=True):
    """Which tasks: None leaves a thing open. Days are inclusive."""

    project_id: str | None = None
    status: str | None = None
    label_id: str | None = None
    due_from: str | None = None
    due_to: str | None = None
    archived: bool = False


async def tasks_of(
    database: Database, user_id: str, wanted: Wanted, after: tuple[str, str] | None, limit: int
) -> list[dict[str, Any]]:
    """The tasks somebody is to do, by due date; `after` is the day (LAST_DAY for none) and the id of one."""
    rows = await database.fetch(
        """
        SELECT b.row || jsonb_build_object(
                   'projectId', b.project_id, 'projectName', p.row -> 'name',
                   'checklist', (SELECT coalesce(jsonb_agg(c.row ORDER BY c.row ->> 'rank' COLLATE "C", c.key), '[]')
                                 FROM checklist AS c
                                 WHERE c.project_id = b.project_id AND c.row ->> 'taskId' = b.key))
        FROM assignment AS a
        JOIN membership AS m ON m.project_id = a.project_id AND m.key = %s
        JOIN project AS p ON p.project_id = a.project_id AND p.row -> 'archived' = 'false'
        JOIN board AS b ON b.project_id = a.project_id AND b.key = a.key
        CROSS JOIN LATERAL (SELECT coalesce(a.row ->> 'dueDate', %s) COLLATE "C" AS day) AS due
        WHERE a.row -> 'assignees' @> to_jsonb(ARRAY[%s::text]) AND a.row -> 'archived' = to_jsonb(%s::boolean)
            AND (%s::uuid IS NULL OR a.project_id = %s::uuid)
            AND (%s::text IS NULL OR b.row ->> 'status' = %s)
            AND (%s::text IS NULL OR b.row -> 'labels' ? %s)
            AND (%s::text IS NULL OR left(a.row ->> 'dueDate', 10) >= %s)
            AND (%s::text IS NULL OR left(a.row ->> 'dueDate', 10) <= %s)
            AND (due.day, a.key COLLATE "C") > (%s, %s)
        ORDER BY due.day, a.key COLLATE "C" LIMIT %s
        """,
        *(user_id, LAST_DAY, user_id, wanted.archived),
        *(wanted.project_id, wanted.project_id, wanted.status, wanted.status, wanted.label_id, wanted.label_id),
        *(wanted.due_from, wanted.due_from, wanted.due_to, wanted.due_to),
        *(after or ("", "")),
        limit,
        by_values=True,
    )
    return [row[0] for row in rows]


async def due_until(database: Database, day: str, limit: int) -> list[tuple[str, str, str]]:
    """Tasks of projects in use that are due before `day` and of which nobody was reminded yet: project, task and due
    date, the most urgent first."""
    rows = await database.fetch(
        """
        SELECT a.project_id, a.key, a.row ->> 'dueDate' FROM assignment AS a
        JOIN project AS p ON p.project_id = a.project_id AND p.row -> 'archived' = 'false'
        WHERE a.row ->> 'dueDate' < %s AND a.row ->> 'dueDate' IS DISTINCT FROM a.row ->> 'reminded'
            AND a.row -> 'archived' = 'false' AND a.row -> 'assignees' <> '[]'
        ORDER BY a.row ->> 'dueDate' LIMIT %s
        """,
        day,
        limit,
    )
    return [(project_id, task_id, due) for project_id, task_id, due in rows]


_CONCERNS = """
    FROM notification AS n
    JOIN project AS p ON p.project_id = n.project_id
    LEFT JOIN membership AS m ON m.project_id = n.project_id AND m.key = n.row ->> 'userId'
    LEFT JOIN board AS b ON b.project_id = n.project_id AND b.key = n.row ->> 'taskId'
    LEFT JOIN comment AS c ON c.project_id = n.project_id AND c.key = n.row ->> 'key'
    LEFT JOIN chat AS s ON s.project_id = n.project_id AND s.key = n.row ->> 'key'
    LEFT JOIN invitation AS i ON i.project_id = n.project_id AND i.key = n.row ->> 'key'
        AND i.row -> 'uses' = '0' AND p.row -> 'archived' = 'false'
        AND in_force(i.row ->> 'expiresAt')
    LEFT JOIN read_notifications AS r
        ON r.user_id = (n.row ->> 'userId')::uuid AND r.project_id = n.project_id AND r.position = n.position
    WHERE CASE n.row ->> 'type' WHEN 'InvitationCreated' THEN i.key IS NOT NULL AND m.key IS NULL
                                ELSE m.key IS NOT NULL END
        AND (b.key IS NOT NULL OR NOT n.row ? 'taskId')
        AND (c.key IS NOT NULL OR s.key IS NOT NULL OR n.row ->> 'kind' <> 'mentioned')
"""
"""Notifications of what is still there, in projects where the person still is; an invitation asks them in as long as
it is in force."""

_NOTIFICATION = """
    SELECT n.row || jsonb_build_object(
        'projectId', n.project_id, 'projectName', p.row -> 'name', 'title', b.row -> 'title',
        'text', coalesce(c.row -> 'text', s.row -> 'text'), 'read', r.position IS NOT NULL)
        || CASE WHEN i.key IS NULL THEN '{}' ELSE jsonb_build_object(
            'invitationId', i.key, 'role', i.row -> 'role', 'expiresAt', i.row -> 'expiresAt') END
"""


async def notifications_of(
    database: Database, user_id: str, kind: str | None, unread: bool, before: tuple[str, str, int] | None, limit: int
) -> list[dict[str, Any]]:
    """A person's notifications, newest first; `before` is the time, the project and the position of one."""
    rows = await database.fetch(
        f"""
        {_NOTIFICATION} {_CONCERNS} AND n.row ->> 'userId' = %s
            AND (%s::text IS NULL OR n.row ->> 'kind' = %s) AND (NOT %s OR r.position IS NULL)
            AND (%s::text IS NULL
                 OR (n.row ->> 'at' COLLATE "C", n.project_id, n.position) < (%s, %s::uuid, %s::bigint))
        ORDER BY n.row ->> 'at' COLLATE "C" DESC, n.project_id DESC, n.position DESC LIMIT %s
        """,
        *(user_id, kind, kind, unread),
        *(before[0] if before else None, *(before or (None, None, None))),
        limit,
    )
    return [row[0] for row in rows]


async def notifications_at(
    database: Database, project_id: str, position: int, user_ids: list[str]
) -> list[dict[str, Any]]:
    """The notifications that an event is for these people."""
    rows = await database.fetch(
        f"{_NOTIFICATION} {_CONCERNS} AND n.project_id = %s AND n.key = ANY(%s)",
        project_id,
        [f"{position}:{user_id}" for user_id in user_ids],
    )
    return [row[0] for row in rows]


async def read_notifications(database: Database, user_id: str, named: list[tuple[str, int]] | None) -> int:
    """Mark those named by project and position as read, or all there are; how many are unread then."""
    await database.write(
        """
        INSERT INTO read_notifications (user_id, project_id, position)
        SELECT %s, n.project_id, n.position FROM notification AS n
        WHERE n.row ->> 'userId' = %s
            AND (%s OR (n.project_id, n.position) IN (SELECT * FROM unnest(%s::uuid[], %s::bigint[])))
        ON CONFLICT DO NOTHING RETURNING 1
        """,
        *(user_id, user_id, named is None, [each for each, _ in named or ()], [each for _, each in named or ()]),
    )
    rows = await database.fetch(
        f"SELECT count(*) {_CONCERNS} AND r.position IS NULL AND n.row ->> 'userId' = %s", user_id
    )
    return int(rows[0][0])


async def read_chat(database: Database, user_id: str, project_id: str, position: int) -> int:
    """Mark a project's chat as read up to a position, and what mentions the person there. Never back; where it is
    then."""
    rows = await database.write(
        """
        WITH mentions AS (
            INSERT INTO read_notifications (user_id, project_id, position)
            SELECT %s, n.project_id, n.position FROM notification AS n
            WHERE n.row ->> 'userId' = %s AND n.project_id = %s AND n.position <= %s
                AND n.row ->> 'type' IN ('MessageSent', 'MessageEdited')
            ON CONFLICT DO NOTHING)
        INSERT INTO read_markers AS old (user_id, project_id, position) VALUES (%s, %s, %s)
        ON CONFLICT (user_id, project_id) DO UPDATE SET position = greatest(old.position, excluded.position)
        RETURNING position
        """,
        *(user_id, user_id, project_id, position, user_id, project_id, position),
    )
    return int(rows[0][0])


async def unread_of(database: Database, user_id: str, after: str | None, limit: int) -> list[dict[str, Any]]:
    """For each of a person's projects, by id: up to where they have read the chat, how many messages of others came
    since (at most COUNTED), and how many mentions are unread."""
    rows = await database.fetch(
        f"""
        SELECT jsonb_build_object(
            'projectId', m.project_id, 'position', marker.position,
            'messages', (SELECT count(*) FROM (
                SELECT FROM chat AS s WHERE s.project_id = m.project_id AND s.since > marker.position
                    AND s.row ->> 'author' <> m.key ORDER BY s.since DESC LIMIT {COUNTED}) AS counted),
            'mentions', coalesce(mentions.unread, 0))
        FROM membership AS m
        LEFT JOIN read_markers AS k ON k.project_id = m.project_id AND k.user_id = m.key::uuid
        CROSS JOIN LATERAL (SELECT coalesce(k.position, m.since) AS position) AS marker
        LEFT JOIN (
            SELECT n.project_id, count(*) AS unread
            {_CONCERNS} AND r.position IS NULL AND n.row ->> 'kind' = 'mentioned' AND n.row ->> 'userId' = %s
            GROUP BY n.project_id) AS mentions
            ON mentions.project_id = m.project_id
        WHERE m.key = %s AND m.project_id > coalesce(%s::uuid, '{NOBODY}')
        ORDER BY m.project_id LIMIT %s
        """,  # noqa: S608 - constants # nosec B608
        *(user_id, user_id, after, limit),
    )
    return [row[0] for row in rows]


async def given_by(database: Database, user_id: str, provider: str) -> list[str]:
    """The projects where somebody is a member by an identity provider's groups."""
    rows = await database.fetch(
        "SELECT project_id FROM membership WHERE key = %s AND row ->> 'provider' = %s", user_id, provider
    )
    return [row[0] for row in rows]


class Membership(Struct, frozen=True):
    """A project that somebody is in; `last_owner`: it has no owner but them."""

    project_id: str
    name: str
    archived: bool
    last_owner: bool


async def memberships_of(database: Database, user_id: str) -> list[Membership]:
    """All of a person's projects, the oldest first."""
    rows = await database.fetch(
        """
        SELECT m.project_id, p.row ->> 'name', p.row -> 'archived' = 'true',
            m.row ->> 'role' = 'owner' AND NOT EXISTS (
                SELECT FROM membership AS o
                WHERE o.project_id = m.project_id AND o.row ->> 'role' = 'owner' AND o.key <> m.key)
        FROM membership AS m JOIN project AS p ON p.project_id = m.project_id
        WHERE m.key = %s ORDER BY m.project_id
        """,
        user_id,
    )
    return [Membership(*row) for row in rows]
