"""Sessions: refresh tokens that are used once, and the end of a session heard on every node."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from datetime import timedelta

import structlog
import uuid_utils

from collabcampus.identity.digests import derived, digest
from collabcampus.identity.errors import BadCredentials, BadRefreshToken
from collabcampus.identity.security_log import KEPT, REFRESH_TOKEN_REUSED, SESSION_ENDED, SecurityLog
from collabcampus.log.database import Connection, Database

SESSIONS_CHANNEL = "collabcampus_sessions"
SIGN_IN, API_TOKEN = "sign-in", "token"
EVERY_KIND = (SIGN_IN, API_TOKEN)
"""What a session is of."""
REFRESH_LIFE = timedelta(days=30)
ENDED_KEPT_S = 2 * 3_600
"""How long an ended session is remembered: longer than any access token lives."""
SIGN_INS_PER_PERSON = 1_000
"""That live at once; the one unused for longest goes for one more."""
ROWS_KEPT = KEPT
"""Of a session that has ended: as long as the security log may name it."""
SWEPT_AT_ONCE = 1_000

_END = (
    "WITH ended AS (UPDATE sessions SET ended_at = now(), end_reason = %s "
    "WHERE session_id = %s AND ended_at IS NULL RETURNING user_id) "
    "SELECT (SELECT user_id FROM ended), pg_notify(%s, %s)::text"
)
# An hour late, for whoever is trading one in at its very end. Who ends a session right now is not waited for: two who
# wait for each other's would end nothing.
_SWEEP_TOKENS = """
    WITH over AS (
        SELECT digest FROM refresh_tokens WHERE expires_at < now() - interval '1 hour'
        ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED),
    gone AS (DELETE FROM refresh_tokens WHERE digest IN (SELECT digest FROM over) RETURNING session_id),
    unused AS (
        SELECT s.session_id FROM sessions AS s
        WHERE s.session_id IN (SELECT session_id FROM gone) AND s.ended_at IS NULL AND NOT EXISTS (
            SELECT FROM refresh_tokens AS t
            WHERE t.session_id = s.session_id AND t.expires_at >= now() - interval '1 hour')
        FOR UPDATE SKIP LOCKED)
    UPDATE sessions SET ended_at = now(), end_reason = 'unused for too long'
    WHERE session_id IN (SELECT session_id FROM unused) RETURNING 1
"""
_SWEEP_SESSIONS = """
    WITH over AS (
        SELECT s.session_id FROM sessions AS s WHERE s.ended_at < now() - %s
        AND NOT EXISTS (SELECT FROM refresh_tokens AS t WHERE t.session_id = s.session_id)
        ORDER BY s.ended_at LIMIT %s FOR UPDATE SKIP LOCKED),
    tokens AS (DELETE FROM api_tokens WHERE token_id IN (SELECT session_id FROM over))
    DELETE FROM sessions WHERE session_id IN (SELECT session_id FROM over) RETURNING 1
"""

_logger = structlog.get_logger(__name__)


class Sessions:
    """One person's sign-ins: each a session, each with a chain of refresh tokens."""

    def __init__(self, database: Database, grace: timedelta, security: SecurityLog) -> None:
        """Within `grace` a used refresh token gives the same successor again; later its use ends the session."""
        self._database, self._grace, self._security = database, grace, security
        self._ended: OrderedDict[str, float] = OrderedDict()
        self.secret = b""
        self.on_end: list[Callable[[str], None]] = []

    async def begin(self, user_id: str, user_agent: str, password_hash: str | None = None) -> tuple[str, str]:
        """A new session: its id and its first refresh token.

        BadCredentials where the account can be used no more, or the password that let somebody in, which
        `password_hash` is of, was changed meanwhile.
        """
        session_id, token = str(uuid_utils.uuid7()), secrets.token_urlsafe(32)
        begun = await self._database.write(
            "WITH holder AS (SELECT user_id FROM accounts WHERE user_id = %s AND disabled_at IS NULL "
            "AND password_hash = coalesce(%s, password_hash) FOR SHARE), "
            "begun AS (INSERT INTO sessions (session_id, user_id, user_agent) SELECT %s, user_id, %s FROM holder) "
            "INSERT INTO refresh_tokens (digest, session_id, expires_at) SELECT %s, %s, now() + %s FROM holder "
            "RETURNING 1",
            user_id, password_hash, session_id, user_agent, digest(token), session_id, REFRESH_LIFE,
        )  # fmt: skip
        if not begun:
            raise BadCredentials
        await self._make_room(user_id)
        return session_id, token

    async def _make_room(self, user_id: str) -> None:
        """End what is beyond as many sign-ins as a person may have."""
        beyond = await self._database.fetch(
            "SELECT session_id FROM sessions WHERE user_id = %s AND ended_at IS NULL AND kind = 'sign-in' "
            "ORDER BY last_used_at DESC, session_id DESC OFFSET %s",
            *(user_id, SIGN_INS_PER_PERSON),
        )
        for (session_id,) in beyond:
            await self.end(session_id, "too many sign-ins")

    async def sweep(self) -> None:
        """Let go of refresh tokens that are over, with the sessions that live by none any more, and of sessions that
        ended long ago; some at a time."""
        await self._database.write(_SWEEP_TOKENS, SWEPT_AT_ONCE)
        await self._database.write(_SWEEP_SESSIONS, ROWS_KEPT, SWEPT_AT_ONCE)

    async def turn(self, token: str) -> tuple[str, str, str]:
        """Trade a refresh token for its successor: user id, session id, token. BadRefreshToken otherwise.

        The successor follows from the token and a secret of ours: whoever asks twice within the grace gets the
        same, and nothing but hashes is stored.
        """
        successor = self._successor(token)
        async with self._database.connection() as connection, connection.transaction():
            user_id, session_id, used, reused = await self._lock(connection, token)
            if reused:
                await connection.execute(_END, _ending(session_id, "a refresh token was used twice"))
            elif not used:
                await self._replace(connection, session_id, token, successor)
        if reused:
            self._security.record(REFRESH_TOKEN_REUSED, user_id=user_id, session_id=session_id)
            self.heard(session_id)
            raise BadRefreshToken
        return user_id, session_id, successor

    async def _lock(self, connection: Connection, token: str) -> tuple[str, str, bool, bool]:
        """User id, session id, whether it was used, and whether too long ago; others who bring it wait."""
        result = await connection.execute(
            "SELECT s.user_id, t.session_id, t.used_at IS NOT NULL, coalesce(t.used_at < now() - %s, false) "
            "FROM refresh_tokens AS t JOIN sessions AS s USING (session_id) JOIN accounts AS a USING (user_id) "
            "WHERE t.digest = %s AND t.expires_at > now() AND s.ended_at IS NULL AND a.disabled_at IS NULL "
            "FOR UPDATE OF t",
            (self._grace, digest(token)),
        )
        row = await result.fetchone()
        if row is None:
            raise BadRefreshToken
        user_id, session_id, used, too_late = row
        # Without a grace the clock has no say: who waited for the lock began before the use it now sees.
        return user_id, session_id, used, used and (too_late or not self._grace)

    async def _replace(self, connection: Connection, session_id: str, token: str, successor: str) -> None:
        await connection.execute("UPDATE refresh_tokens SET used_at = now() WHERE digest = %s", (digest(token),))
        await connection.execute(
            "INSERT INTO refresh_tokens (digest, session_id, expires_at) VALUES (%s, %s, now() + %s)",
            (digest(successor), session_id, REFRESH_LIFE),
        )
        await connection.execute("UPDATE sessions SET last_used_at = now() WHERE session_id = %s", (session_id,))

    async def end(self, session_id: str, reason: str, kind: str = SESSION_ENDED) -> None:
        """End a session here and, by notification, on every node; the security log has it as `kind`."""
        ((user_id, _),) = await self._database.write(_END, *_ending(session_id, reason))
        if user_id:
            self._security.record(kind, user_id=user_id, session_id=session_id, reason=reason)
        self.heard(session_id)

    def heard_all(self, session_ids: Iterable[str]) -> None:
        """These have ended: refuse them here at once."""
        for session_id in session_ids:
            self.heard(session_id)

    async def load(self) -> None:
        """Read which sessions ended lately: at the start, and whenever notifications may have been missed."""
        rows = await self._database.fetch(
            "SELECT session_id FROM sessions WHERE ended_at > now() - %s", timedelta(seconds=ENDED_KEPT_S)
        )
        self.heard_all(session_id for (session_id,) in rows)

    def heard(self, session_id: str) -> None:
        """A session has ended, on whichever node."""
        if session_id in self._ended:
            return
        self._forget()
        self._ended[session_id] = time.monotonic()
        for tell in self.on_end:
            try:
                tell(session_id)
            except Exception as error:  # one that fails must not leave the node deaf to the ends that follow
                _logger.error("session_end_not_told", session_id=session_id, error=type(error).__name__)

    def has_ended(self, session_id: str) -> bool:
        """Whether this session is known to have ended."""
        return session_id in self._ended

    def _forget(self) -> None:
        """Let go of those that no token can outlive: the oldest stand first, so one call costs what it drops."""
        long_ago = time.monotonic() - ENDED_KEPT_S
        while self._ended and next(iter(self._ended.values())) < long_ago:
            self._ended.popitem(last=False)

    def _successor(self, token: str) -> str:
        return derived(self.secret, f"refresh {token}")


async def end_sessions(
    connection: Connection,
    user_id: str,
    reason: str,
    *,
    kinds: Collection[str] = EVERY_KIND,
    only: str | None = None,
    but: str | None = None,
) -> list[str]:
    """End a person's sessions in a transaction; once it has committed, every node is told. Those that ended."""
    result = await connection.execute(
        "WITH ended AS (UPDATE sessions SET ended_at = now(), end_reason = %s "
        "WHERE user_id = %s AND ended_at IS NULL AND kind = ANY(%s) AND session_id = coalesce(%s, session_id) "
        "AND session_id IS DISTINCT FROM %s RETURNING session_id) "
        "SELECT session_id, pg_notify(%s, session_id::text)::text FROM ended",
        (reason, user_id, list(kinds), only, but, SESSIONS_CHANNEL),
    )
    return [row[0] async for row in result]


def _ending(session_id: str, reason: str) -> tuple[str, str, str, str]:
    return reason, session_id, SESSIONS_CHANNEL, session_id
