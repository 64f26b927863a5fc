"""API tokens: opaque, for programs that act for a person, each with its scopes and its end.

A token is a session of its own, so that revoking it is ending a session: heard on every node, its sockets closed.
Only its digest is stored. What was found good is remembered for some seconds, unless its end is heard before.
"""

import re
import secrets
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import uuid_utils
from msgspec import Struct

from collabcampus.identity import security_log as kinds
from collabcampus.identity.accounts import clean_name
from collabcampus.identity.digests import digest as digest_of
from collabcampus.identity.errors import (
    AccountDisabled,
    ApiTokenNotFound,
    SessionEnded,
    TokenExpired,
    TokenInvalid,
    TooManyApiTokens,
)
from collabcampus.identity.security_log import SecurityLog
from collabcampus.identity.sessions import API_TOKEN, Sessions
from collabcampus.identity.tokens import READ, WRITE, Claims
from collabcampus.log.database import Connection, Database

PREFIX = "ccp_"
RANDOM_BYTES = 32
TOKENS_PER_PERSON = 100
USUAL_DAYS, MOST_DAYS = 90, 365
CHECKED_EACH_S = 5.0
"""How long a token that was found good is taken for good where nothing is heard of its end."""
REMEMBERED = 10_000
"""Tokens that were found good, and as many that are good for nothing, ever."""
USED_EACH = timedelta(minutes=1)
"""How exactly its last use is known."""

Scope = Literal["read", "write"]
_TOKEN = re.compile(rf"{PREFIX}[0-9a-f]{{{2 * RANDOM_BYTES}}}\Z")


class ApiToken(Struct, frozen=True, rename="camel"):
    """A token as its owner sees it later: without itself."""

    token_id: str
    name: str
    scopes: list[str]
    created_at: str
    expires_at: str
    last_used_at: str | None


class NewApiToken(ApiToken, frozen=True, rename="camel"):
    """A token just made; `token` is shown this once."""

    token: str

    def __repr__(self) -> str:
        return f"NewApiToken({self.token_id})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("token_id", self.token_id)]


class _Known(Struct, frozen=True):
    claims: Claims
    checked_at: float


_SHOWN = (
    "SELECT t.token_id, t.name, t.scopes, rfc3339(s.created_at), rfc3339(t.expires_at), "
    "CASE WHEN s.last_used_at > s.created_at THEN rfc3339(s.last_used_at) END "
    "FROM api_tokens AS t JOIN sessions AS s ON s.session_id = t.token_id WHERE s.user_id = %s AND s.ended_at IS NULL"
)


class ApiTokens:
    """Makes, lists, revokes and checks them."""

    def __init__(self, database: Database, sessions: Sessions, security: SecurityLog) -> None:
        self._database, self._sessions, self._security = database, sessions, security
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._of: defaultdict[str, set[bytes]] = defaultdict(set)
        self._refused: OrderedDict[bytes, type[TokenInvalid | SessionEnded]] = OrderedDict()
        self._looking: dict[object, set[str]] = {}
        sessions.on_end.append(self.forget)

    async def make(
        self,
        user_id: str,
        name: str,
        scopes: frozenset[Scope],
        days: int = USUAL_DAYS,
        *,
        session_id: str | None = None,
    ) -> NewApiToken:
        """A new token, good for some days; writing takes reading with it. `session_id` is the asker's, whom the
        command line has none of. InvalidName, TooManyApiTokens; AccountDisabled or SessionEnded where they were put
        out meanwhile."""
        name, token, token_id = clean_name(name), PREFIX + secrets.token_hex(RANDOM_BYTES), str(uuid_utils.uuid7())
        given = [each for each in get_args(Scope) if each in scopes or (each == READ and WRITE in scopes)]
        async with self._database.connection() as connection, connection.transaction():
            await _require_room(connection, user_id, session_id)
            await connection.execute(
                "INSERT INTO sessions (session_id, user_id, user_agent, kind) VALUES (%s, %s, '', %s)",
                (token_id, user_id, API_TOKEN),
            )
            await connection.execute(
                "INSERT INTO api_tokens (token_id, digest, name, scopes, expires_at) "
                "VALUES (%s, %s, %s, %s, now() + %s)",
                (token_id, digest_of(token), name, given, timedelta(days=days)),
            )
            shown = await connection.execute(f"{_SHOWN} AND t.token_id = %s".encode(), (user_id, token_id))
            made = await shown.fetchone()
            assert made, "it was just made, and nobody else sees it yet"
        self._security.record(
            kinds.API_TOKEN_MADE, user_id=user_id, session_id=token_id, scopes=" ".join(given), days=days
        )
        return NewApiToken(*(*made, token))

    async def of(self, user_id: str) -> list[ApiToken]:
        """A person's tokens that were not revoked, in the order they were made; those that are over among them."""
        rows = await self._database.fetch(f"{_SHOWN} ORDER BY t.token_id", user_id)
        return [ApiToken(*row) for row in rows]

    async def revoke(self, user_id: str, token_id: str) -> None:
        """End one of a person's tokens; ApiTokenNotFound for another's, and for one that has ended."""
        if all(each.token_id != token_id for each in await self.of(user_id)):
            raise ApiTokenNotFound
        await self._sessions.end(token_id, "revoked", kinds.API_TOKEN_REVOKED)

    async def claims(self, token: str) -> Claims:
        """Whom a token speaks for: TokenInvalid, TokenExpired, SessionEnded or AccountDisabled otherwise."""
        if not _TOKEN.match(token):
            raise TokenInvalid
        digest = digest_of(token)
        if refused := self._refused.get(digest):
            self._refused.move_to_end(digest)  # whoever guesses pushes out no token that is tried again and again
            raise refused
        known = self._known.get(digest)
        if known is None or known.checked_at < time.monotonic() - CHECKED_EACH_S:
            known = await self._look_up(digest)
        if known.claims.expires_at <= time.time():
            self._note(kinds.API_TOKEN_EXPIRED, known.claims)
            raise TokenExpired
        return known.claims

    def forget(self, session_id: str) -> None:
        """A session has ended: if it is a token's, nobody comes in by it any more."""
        self._forget(session_id)

    def forget_person(self, user_id: str) -> None:
        """Somebody was disabled."""
        self._forget(user_id)

    def _forget(self, whose: str) -> None:
        for heard in self._looking.values():
            heard.add(whose)
        for digest in tuple(self._of.get(whose, ())):
            self._drop(digest)

    async def _look_up(self, digest: bytes) -> _Known:
        """Ask the database; once more where it ended meanwhile, since the answer may be from before."""
        while True:
            now = time.monotonic()
            with self._hearing() as heard:
                claims = await self._asked(digest)
            if heard.isdisjoint((claims.session_id, claims.user_id)):
                return self._remember(digest, _Known(claims, now))

    @contextmanager
    def _hearing(self) -> Iterator[set[str]]:
        """Which sessions and people end meanwhile."""
        this, heard = object(), set[str]()
        self._looking[this] = heard
        try:
            yield heard
        finally:
            del self._looking[this]

    async def _asked(self, digest: bytes) -> Claims:
        """What the database says; a token that is good for nothing any more is not asked for again."""
        try:
            return await self._read(digest)
        except (TokenInvalid, SessionEnded) as refused:
            self._refused[digest] = type(refused)
            if len(self._refused) > REMEMBERED:
                self._refused.popitem(last=False)
            raise

    def _remember(self, digest: bytes, known: _Known) -> _Known:
        self._drop(digest)
        self._known[digest] = known
        for each in (known.claims.session_id, known.claims.user_id):
            self._of[each].add(digest)
        if len(self._known) > REMEMBERED:
            self._drop(next(iter(self._known)))
        return known

    def _drop(self, digest: bytes) -> None:
        known = self._known.pop(digest, None)
        for each in (known.claims.session_id, known.claims.user_id) if known else ():
            self._of[each].discard(digest)
            if not self._of[each]:
                del self._of[each]

    async def _read(self, digest: bytes) -> Claims:
        rows = await self._database.fetch(
            "SELECT s.user_id, t.token_id, t.expires_at, t.scopes, s.ended_at IS NOT NULL, "
            "a.disabled_at IS NOT NULL, s.last_used_at < now() - %s OR s.last_used_at = s.created_at "
            "FROM api_tokens AS t "
            "JOIN sessions AS s ON s.session_id = t.token_id JOIN accounts AS a USING (user_id) WHERE t.digest = %s",
            USED_EACH,
            digest,
        )
        if not rows:
            raise TokenInvalid
        user_id, token_id, expires_at, scopes, ended, disabled, long_unused = rows[0]
        claims = Claims(user_id, token_id, _seconds(expires_at), frozenset(scopes))
        if ended:
            raise SessionEnded
        if disabled:
            self._note(kinds.DISABLED_REFUSED, claims)
            raise AccountDisabled
        if long_unused:
            await self._database.write(
                "UPDATE sessions SET last_used_at = now() WHERE session_id = %s RETURNING 1", token_id
            )
        return claims

    def _note(self, kind: str, claims: Claims) -> None:
        self._security.record_some(kind, user_id=claims.user_id, session_id=claims.session_id)


async def _require_room(connection: Connection, user_id: str, session_id: str | None) -> None:
    """One after the other, so that the count holds, and after whoever puts the asker out right now: the second
    statement sees what was done while the first waited."""
    await connection.execute("SELECT FROM accounts WHERE user_id = %s FOR NO KEY UPDATE", (user_id,))
    found = await connection.execute(
        "SELECT (SELECT disabled_at IS NOT NULL FROM accounts WHERE user_id = %s), "
        "%s::uuid IS NOT NULL AND NOT EXISTS (SELECT FROM sessions WHERE session_id = %s AND ended_at IS NULL), "
        "(SELECT count(*) FROM sessions AS s JOIN api_tokens AS t ON t.token_id = s.session_id "
        "WHERE s.user_id = %s AND s.kind = %s AND s.ended_at IS NULL AND t.expires_at > now())",
        (user_id, session_id, session_id, user_id, API_TOKEN),
    )
    for disabled, ended, count in await found.fetchall():
        if ended:
            raise SessionEnded
        if disabled:
            raise AccountDisabled
        if count >= TOKENS_PER_PERSON:
            raise TooManyApiTokens(most=TOKENS_PER_PERSON)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
