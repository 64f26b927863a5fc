"""Administrators and what they do about people: find them, disable and enable them, end their sessions.

To be one gives no place in any project. A person who is disabled is out everywhere at once: the sign-ins end for
good, API tokens rest until the account is enabled again.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from msgspec import Struct

from collabcampus.identity import security_log as kinds
from collabcampus.identity.errors import AccountDisabled, LastAdministrator, NotAdministrator, PersonNotFound
from collabcampus.identity.security_log import SecurityLog
from collabcampus.identity.sessions import ENDED_KEPT_S, SIGN_IN, Sessions, end_sessions
from collabcampus.log.database import Connection, Database

DISABLED_CHANNEL = "collabcampus_disabled"

_logger = structlog.get_logger(__name__)

_PERSON = (
    "SELECT a.user_id, a.email, a.name, a.admin, a.disabled_at IS NOT NULL, rfc3339(a.created_at), "
    "(SELECT rfc3339(max(s.last_used_at)) FROM sessions AS s WHERE s.user_id = a.user_id) FROM accounts AS a "
    "WHERE a.closed_at IS NULL AND "
)


class Person(Struct, frozen=True, rename="camel"):
    """An account as administrators see it."""

    user_id: str
    email: str
    name: str
    admin: bool
    disabled: bool
    created_at: str
    last_seen_at: str | None


class Administration:
    """What administrators may do, whether over HTTP or from the command line.

    `actor_id` is the administrator's, None for the command line.
    """

    def __init__(self, database: Database, sessions: Sessions, security: SecurityLog) -> None:
        self._database, self._sessions, self._security = database, sessions, security
        self.on_disabled: list[Callable[[str], None]] = []
        self._loaded: set[tuple[str, datetime]] = set()

    async def require(self, user_id: str) -> None:
        """NotAdministrator for everybody who is none."""
        rows = await self._database.fetch(
            "SELECT FROM accounts WHERE user_id = %s AND admin AND disabled_at IS NULL", user_id
        )
        if not rows:
            raise NotAdministrator

    async def people(self, q: str, after: str | None, limit: int) -> list[Person]:
        """Accounts in the order they were made, after that id; with `q`, whose address or name has it."""
        rows = await self._database.fetch(
            f"{_PERSON} (%s = '' OR strpos(a.email, lower(%s)) > 0 OR strpos(lower(a.name), lower(%s)) > 0) "
            "AND (%s::uuid IS NULL OR a.user_id > %s::uuid) ORDER BY a.user_id LIMIT %s",
            *(q, q, q, after, after, limit),
            by_values=True,
        )
        return [Person(*row) for row in rows]

    async def person(self, user_id: str) -> Person:
        """One of them; PersonNotFound."""
        rows = await self._database.fetch(f"{_PERSON} a.user_id = %s", user_id)
        if not rows:
            raise PersonNotFound
        return Person(*rows[0])

    async def require_active(self, user_id: str) -> None:
        """PersonNotFound or AccountDisabled."""
        rows = await self._database.fetch(
            "SELECT disabled_at IS NOT NULL FROM accounts WHERE user_id = %s AND closed_at IS NULL", user_id
        )
        if not rows:
            raise PersonNotFound
        if rows[0][0]:
            raise AccountDisabled

    async def change(
        self, user_id: str, actor_id: str | None, *, admin: bool | None = None, disabled: bool | None = None
    ) -> Person:
        """Promote or demote, disable or enable. PersonNotFound; LastAdministrator where none would be left."""
        async with self._database.connection() as connection, connection.transaction():
            was_admin, was_disabled = await _locked(connection, user_id)
            if was_admin and not was_disabled and (admin is False or disabled):
                await _require_another(connection, user_id)
            await connection.execute(
                "UPDATE accounts SET admin = coalesce(%s, admin), disabled_at = CASE coalesce(%s, disabled_at "
                "IS NOT NULL) WHEN true THEN coalesce(disabled_at, now()) END WHERE user_id = %s",
                (admin, disabled, user_id),
            )
            ended = await end_sessions(connection, user_id, "disabled", kinds=(SIGN_IN,)) if disabled else []
            if disabled:
                await connection.execute("SELECT pg_notify(%s, %s)", (DISABLED_CHANNEL, user_id))
        self._sessions.heard_all(ended)
        if disabled:
            self.heard(user_id)
        self._note(user_id, actor_id, (was_admin, admin), (was_disabled, disabled))
        return await self.person(user_id)

    async def end_sessions(self, user_id: str, actor_id: str | None) -> int:
        """End all there are, API tokens too: how many. PersonNotFound."""
        async with self._database.connection() as connection, connection.transaction():
            await _locked(connection, user_id)  # an API token that is being made right now ends, too
            ended = await end_sessions(connection, user_id, "ended by an administrator")
        self._sessions.heard_all(ended)
        self._security.record(kinds.SESSIONS_ENDED, user_id=user_id, actor_id=actor_id, count=len(ended))
        return len(ended)

    async def load(self) -> None:
        """Hear who was disabled lately, each time once: whenever notifications may have been missed."""
        rows = await self._database.fetch(
            "SELECT user_id, disabled_at FROM accounts WHERE disabled_at > now() - %s",
            timedelta(seconds=ENDED_KEPT_S),
        )
        found: set[tuple[str, datetime]] = {(user_id, disabled_at) for user_id, disabled_at in rows}
        before, self._loaded = self._loaded, found
        for user_id, _ in found - before:
            self.heard(user_id)

    def heard(self, user_id: str) -> None:
        """Somebody was disabled, on whichever node."""
        for tell in self.on_disabled:
            try:
                tell(user_id)
            except Exception as error:  # as in Sessions.heard
                _logger.error("disabling_not_told", user_id=user_id, error=type(error).__name__)

    def _note(
        self, user_id: str, actor_id: str | None, admin: tuple[bool, bool | None], disabled: tuple[bool, bool | None]
    ) -> None:
        """Say what changed: each pair is what was and what was asked for."""
        if admin[1] is not None and admin[0] != admin[1]:
            kind = kinds.PERSON_PROMOTED if admin[1] else kinds.PERSON_DEMOTED
            self._security.record(kind, user_id=user_id, actor_id=actor_id)
        if disabled[1] is not None and disabled[0] != disabled[1]:
            kind = kinds.PERSON_DISABLED if disabled[1] else kinds.PERSON_ENABLED
            self._security.record(kind, user_id=user_id, actor_id=actor_id)


async def require_dispensable(connection: Connection, user_id: str) -> None:
    """LastAdministrator for whoever is the only one that can act; held as they are until the transaction's end."""
    was_admin, was_disabled = await _locked(connection, user_id)
    if was_admin and not was_disabled:
        await _require_another(connection, user_id)


async def _locked(connection: Connection, user_id: str) -> tuple[bool, bool]:
    """Whether somebody is an administrator, and disabled. All active administrators are held with them, in one
    order, so that two who demote each other are one after the other."""
    found = await connection.execute(
        "SELECT user_id, admin, disabled_at IS NOT NULL FROM accounts WHERE closed_at IS NULL "
        "AND (user_id = %s OR (admin AND disabled_at IS NULL)) ORDER BY user_id FOR NO KEY UPDATE",
        (user_id,),
    )
    rows = {row[0]: (row[1], row[2]) for row in await found.fetchall()}
    if user_id not in rows:
        raise PersonNotFound
    return rows[user_id]


async def _require_another(connection: Connection, user_id: str) -> None:
    found = await connection.execute(
        "SELECT FROM accounts WHERE admin AND disabled_at IS NULL AND user_id <> %s LIMIT 1", (user_id,)
    )
    if not found.rowcount:
        raise LastAdministrator
