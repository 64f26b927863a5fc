"""Where somebody is signed in: their own sessions to look at and to end."""

from collections.abc import Iterable

from msgspec import Struct

from collabcampus.identity.errors import SessionNotFound
from collabcampus.identity.sessions import REFRESH_LIFE, SESSIONS_CHANNEL, Sessions
from collabcampus.log.database import Connection, Database

LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


class Device(Struct, frozen=True, rename="camel"):
    """One session; `device` is what the client said of itself when it signed in."""

    session_id: str
    device: str
    created_at: str
    last_used_at: str
    current: bool


class Devices:
    """The sessions of one person at a time."""

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database, self._sessions = database, sessions

    async def of(self, user_id: str, current: str, before: str | None, limit: int) -> list[Device]:
        """Sessions that can still be used, the latest sign-in first; `before` is the id of one."""
        rows = await self._database.fetch(
            "SELECT session_id, user_agent, rfc3339(created_at), rfc3339(last_used_at), session_id = %s "
            "FROM sessions WHERE user_id = %s AND ended_at IS NULL AND last_used_at > now() - %s AND session_id < %s "
            "ORDER BY session_id DESC LIMIT %s",
            *(current, user_id, REFRESH_LIFE, before or LAST, limit),
        )
        return [Device(*row) for row in rows]

    async def end(self, user_id: str, session_id: str) -> None:
        """End one of a person's sessions, on every node. SessionNotFound for anybody else's, or one that ended."""
        async with self._database.connection() as connection, connection.transaction():
            ended = await end_sessions(connection, user_id, "ended from another device", only=session_id)
        if not ended:
            raise SessionNotFound
        self.heard(ended)

    async def end_others(self, user_id: str, but: str) -> None:
        """End all of a person's sessions but one, on every node."""
        async with self._database.connection() as connection, connection.transaction():
            ended = await end_sessions(connection, user_id, "ended from another device", but=but)
        self.heard(ended)

    def heard(self, session_ids: Iterable[str]) -> None:
        """These have ended: refuse them here at once."""
        for session_id in session_ids:
            self._sessions.heard(session_id)


async def end_sessions(
    connection: Connection, user_id: str, reason: str, *, only: str | None = None, but: str | None = None
) -> list[str]:
    """End a person's sessions in a transaction; once it has committed, every node is told. Those that ended."""
    result = await connection.execute(
        "WITH ended AS (UPDATE sessions SET ended_at = now(), end_reason = %s "
        "WHERE user_id = %s AND ended_at IS NULL AND session_id = coalesce(%s, session_id) "
        "AND session_id IS DISTINCT FROM %s RETURNING session_id) "
        "SELECT session_id, pg_notify(%s, session_id::text) FROM ended",
        (reason, user_id, only, but, SESSIONS_CHANNEL),
    )
    return [row[0] async for row in result]
