"""Where somebody is signed in: their own sessions to look at and to end."""

from msgspec import Struct

from collabcampus.identity.errors import SessionNotFound
from collabcampus.identity.security_log import SESSION_ENDED, SecurityLog
from collabcampus.identity.sessions import REFRESH_LIFE, SIGN_IN, Sessions, end_sessions
from collabcampus.log.database import Database

ENDED = "ended from another device"
LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


class Device(Struct, frozen=True, rename="camel"):
    """One session; `device` is what the client said of itself when it signed in."""

    session_id: str
    device: str
    created_at: str
    last_used_at: str
    current: bool


class Devices:
    """The sign-ins of one person at a time; API tokens are listed and revoked elsewhere."""

    def __init__(self, database: Database, sessions: Sessions, security: SecurityLog) -> None:
        self._database, self._sessions, self._security = database, sessions, security

    async def of(self, user_id: str, current: str, before: str | None, limit: int) -> list[Device]:
        """Sessions that can still be used, the latest sign-in first; `before` is the id of one."""
        rows = await self._database.fetch(
            "SELECT session_id, user_agent, rfc3339(created_at), rfc3339(last_used_at), session_id = %s "
            "FROM sessions WHERE user_id = %s AND kind = %s AND ended_at IS NULL AND last_used_at > now() - %s "
            "AND session_id < %s ORDER BY session_id DESC LIMIT %s",
            *(current, user_id, SIGN_IN, REFRESH_LIFE, before or LAST, limit),
        )
        return [Device(*row) for row in rows]

    async def end(self, user_id: str, session_id: str) -> None:
        """End one of a person's sessions, on every node. SessionNotFound for anybody else's, or one that ended."""
        if not await self._end(user_id, only=session_id):
            raise SessionNotFound

    async def end_others(self, user_id: str, but: str) -> None:
        """End all of a person's sessions but one, on every node."""
        await self._end(user_id, but=but)

    async def _end(self, user_id: str, *, only: str | None = None, but: str | None = None) -> list[str]:
        async with self._database.connection() as connection, connection.transaction():
            ended = await end_sessions(connection, user_id, ENDED, kinds=(SIGN_IN,), only=only, but=but)
        self._sessions.heard_all(ended)
        for session_id in ended:
            self._security.record(SESSION_ENDED, user_id=user_id, session_id=session_id, reason=ENDED)
        return ended
