"""Whose account it is that somebody at an identity provider comes to."""

from collections.abc import Awaitable, Callable

import uuid_utils
from msgspec import Struct
from psycopg import Rollback

from collabcampus.identity.accounts import LONGEST_NAME, User, clean_email, clean_name
from collabcampus.identity.errors import AccountDisabled, EmailTaken, InvalidEmail, InvalidName, OpenidUnverified
from collabcampus.identity.post import Post
from collabcampus.identity.proofs import forget
from collabcampus.identity.security_log import ACCOUNT_TAKEN_OVER, PROVIDER_LINKED, REGISTERED, SecurityLog
from collabcampus.identity.sessions import Sessions, end_sessions
from collabcampus.log.database import Connection, Database

ATTEMPTS = 3
"""Sign-ins of one person that come at once may each find nothing and add the same: the later look again."""
SQUATTED = "the address turned out to be somebody else's"


class Vouched(Struct, frozen=True):
    """Somebody at a provider; `email` is an address that the provider has verified, None where there is none."""

    issuer: str
    subject: str
    email: str | None
    name: str


class Linked(Struct, frozen=True):
    """An account that is somebody's at a provider: `kind` is what the security log calls how it came to be theirs,
    None where it was theirs already; `ended` are the sessions that were others'."""

    user: User
    kind: str | None = None
    ended: tuple[str, ...] = ()


class Linking:
    """The accounts of people at providers."""

    def __init__(self, database: Database, sessions: Sessions, security: SecurityLog, post: Post) -> None:
        self._database, self._sessions, self._security, self._post = database, sessions, security, post

    async def account(self, vouched: Vouched, unguessable: Callable[[], Awaitable[str]]) -> User:
        """The account of somebody, made or linked at the first sign-in; `unguessable` gives the hash of a password
        that nobody has. AccountDisabled; OpenidUnverified where the first sign-in brings no address to go by;
        EmailTaken where it is the address of somebody else at this provider."""
        if known := await self._database.fetch(_KNOWN, vouched.issuer, vouched.subject):
            return _enabled(known[0])
        hashed = await unguessable()
        for _ in range(ATTEMPTS):
            async with self._database.connection() as connection, connection.transaction() as transaction:
                linked = await _linked(connection, vouched, hashed)
                if linked is None:
                    raise Rollback(transaction)
            if linked:
                self._told(linked, vouched)
                return linked.user
        raise EmailTaken

    def _told(self, linked: Linked, vouched: Vouched) -> None:
        self._sessions.heard_all(linked.ended)
        if linked.kind:
            self._security.record(linked.kind, user_id=linked.user.id, issuer=vouched.issuer)
        if linked.kind == PROVIDER_LINKED:
            self._post.send(self._post.letters.provider_linked(linked.user.email))


async def _linked(connection: Connection, vouched: Vouched, unguessable: str) -> Linked | None:
    """The account; none, and nothing to keep, where somebody else was quicker."""
    found = await _row(connection, _KNOWN, vouched.issuer, vouched.subject)
    if found:
        return Linked(_enabled(found))
    email = _address(vouched)
    there = await _row(connection, _BY_ADDRESS, vouched.issuer, email)
    if there is None:
        user = User(str(uuid_utils.uuid7()), email, _name(vouched.name, email))
        made = await _row(connection, _MAKE, user.id, user.email, user.name, unguessable)
        return Linked(user, REGISTERED) if made and await _link(connection, vouched, user) else None
    user, verified, anothers = _enabled(there), *there[4:]
    if anothers:
        raise EmailTaken  # an address that was given to the next one: the account stays with its person
    if not await _link(connection, vouched, user):
        return None
    if verified:
        return Linked(user, PROVIDER_LINKED)
    return Linked(user, ACCOUNT_TAKEN_OVER, await _freed(connection, user, unguessable))


_KNOWN = """
    SELECT a.user_id, a.email, a.name, a.disabled_at IS NOT NULL
    FROM openid_identities AS i JOIN accounts AS a USING (user_id) WHERE i.issuer = %s AND i.subject = %s
"""
_BY_ADDRESS = """
    SELECT a.user_id, a.email, a.name, a.disabled_at IS NOT NULL,
        a.verified_at IS NOT NULL,
        EXISTS (SELECT FROM openid_identities AS i WHERE i.user_id = a.user_id AND i.issuer = %s)
    FROM accounts AS a WHERE a.email = %s FOR UPDATE OF a
"""
"""The last two say whether the address was ever proved to be the account's, by a letter to it or by a provider's
word; and whether this provider knows the account as somebody's already."""
_MAKE = """
    INSERT INTO accounts (user_id, email, name, password_hash, verified_at) VALUES (%s, %s, %s, %s, now())
    ON CONFLICT (email) DO NOTHING RETURNING 1
"""
_LINK = """
    INSERT INTO openid_identities (issuer, subject, user_id) VALUES (%s, %s, %s)
    ON CONFLICT DO NOTHING RETURNING 1
"""
_FREE = """
    UPDATE accounts SET password_hash = %s, verified_at = now(), must_verify = false WHERE user_id = %s
"""


async def _freed(connection: Connection, user: User, unguessable: str) -> tuple[str, ...]:
    """Put out whoever registered with the address and never showed it to be theirs: without this, they would wait in
    the account for its rightful owner to come and fill it, with a password of their own, an API token, or a mailed
    token that gives it another address."""
    await connection.execute(_FREE.encode(), (unguessable, user.id))
    await forget(connection, user.id)
    return tuple(await end_sessions(connection, user.id, SQUATTED))


async def _link(connection: Connection, vouched: Vouched, user: User) -> bool:
    return await _row(connection, _LINK, vouched.issuer, vouched.subject, user.id) is not None


async def _row(connection: Connection, query: str, *values: str) -> tuple[object, ...] | None:
    return await (await connection.execute(query.encode(), values)).fetchone()


def _enabled(row: tuple[object, ...]) -> User:
    if row[3]:
        raise AccountDisabled
    return User(str(row[0]), str(row[1]), str(row[2]))


def _address(vouched: Vouched) -> str:
    try:
        return clean_email(vouched.email or "")
    except InvalidEmail:
        raise OpenidUnverified from None


def _name(given: str, email: str) -> str:
    """What the provider calls them, as far as it is a name here."""
    for each in (given, email.partition("@")[0]):
        printable = " ".join("".join(one if one.isprintable() else " " for one in each).split())
        try:
            return clean_name(printable[:LONGEST_NAME])
        except InvalidName:
            continue
    return email[:LONGEST_NAME]
