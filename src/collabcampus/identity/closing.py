"""The end of an account: whatever tells who it was is erased; the log keeps an author that is an opaque id.

Whoever closes it has left their projects before.
"""

from collabcampus.identity.accounts import NAMES_CHANNEL, Accounts
from collabcampus.identity.administration import require_dispensable
from collabcampus.identity.security_log import ACCOUNT_CLOSED, SecurityLog
from collabcampus.identity.sessions import Sessions, end_sessions
from collabcampus.log.database import Connection, Database

CLOSED = "the account was closed"

_FORGOTTEN = (
    "DELETE FROM refresh_tokens WHERE session_id IN (SELECT session_id FROM sessions WHERE user_id = %s)",
    "DELETE FROM api_tokens WHERE token_id IN (SELECT session_id FROM sessions WHERE user_id = %s)",
    "UPDATE sessions SET user_agent = '' WHERE user_id = %s",
    "DELETE FROM openid_identities WHERE user_id = %s",
    "DELETE FROM proofs WHERE user_id = %s",
    "DELETE FROM read_notifications WHERE user_id = %s",
    "DELETE FROM read_markers WHERE user_id = %s",
)


class Closing:
    """Erases accounts."""

    def __init__(self, database: Database, accounts: Accounts, sessions: Sessions, security: SecurityLog) -> None:
        self._database, self._accounts, self._sessions, self._security = database, accounts, sessions, security

    async def require_dispensable(self, user_id: str) -> None:
        """LastAdministrator for the account that cannot be closed: known before any project is left."""
        async with self._database.connection() as connection, connection.transaction():
            await require_dispensable(connection, user_id)

    async def end_others(self, user_id: str, but: str) -> None:
        """End all sessions but the one that asks, API tokens too: nothing is done by them from now on.
        LastAdministrator."""
        async with self._database.connection() as connection, connection.transaction():
            await require_dispensable(connection, user_id)
            ended = await end_sessions(connection, user_id, CLOSED, but=but)
        self._sessions.heard_all(ended)

    async def erase(self, user_id: str) -> None:
        """Forget somebody at once and for good, on every node; the address can be registered anew. PersonNotFound
        where that was done; LastAdministrator."""
        async with self._database.connection() as connection, connection.transaction():
            await require_dispensable(connection, user_id)
            ended = await _erase(connection, user_id)
        self._sessions.heard_all(ended)
        self._accounts.renamed(user_id)
        self._security.record(ACCOUNT_CLOSED, user_id=user_id)


async def _erase(connection: Connection, user_id: str) -> list[str]:
    """The sessions that ended by it, those of API tokens among them."""
    await connection.execute(
        "UPDATE accounts SET email = NULL, name = '', password_hash = '', verified_at = NULL, admin = false, "
        "disabled_at = coalesce(disabled_at, now()), closed_at = now() WHERE user_id = %s",
        (user_id,),
    )
    ended = await end_sessions(connection, user_id, CLOSED)
    for forgotten in _FORGOTTEN:
        await connection.execute(forgotten.encode(), (user_id,))
    await connection.execute("SELECT pg_notify(%s, %s)", (NAMES_CHANNEL, user_id))
    return ended
