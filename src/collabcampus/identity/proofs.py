"""Mailed tokens: whoever has one reads the mail of an address. Single use, stored as hashes, over after a while."""

import secrets
from datetime import timedelta
from typing import Literal

from msgspec import Struct

from collabcampus.identity.digests import digest
from collabcampus.identity.errors import BadMailedToken, TooManyMails, WrongPassword
from collabcampus.log.database import Connection, Database

Purpose = Literal["password", "address"]

LIFE: dict[Purpose, timedelta] = {"password": timedelta(hours=1), "address": timedelta(days=1)}
TOKEN_BYTES = 32
MAILS_AN_HOUR = 5
"""To one person for one purpose."""


class Proven(Struct, frozen=True):
    """Whose token it was, the address it was mailed to, and the one that the account has."""

    user_id: str
    mailed_to: str
    email: str


_GOOD = (
    "SELECT a.user_id, p.email, a.email FROM proofs AS p JOIN accounts AS a USING (user_id) "
    "WHERE p.digest = %s AND p.purpose = %s AND p.expires_at > now() AND a.disabled_at IS NULL "
    "AND (p.purpose = 'address' OR p.email = a.email)"
)
"""A password is set by who reads the mail of the account's own address, and not of one that it had."""


class Proofs:
    """Issues them and takes them back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def issue(self, user_id: str, purpose: Purpose, email: str, password_hash: str | None = None) -> str:
        """A fresh token to be mailed to this address; an older one is dead. TooManyMails after five in an hour;
        WrongPassword where the password that was asked for, which `password_hash` is of, was changed meanwhile, or
        the account closed."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        ((there, issued),) = await self._database.write(
            "WITH holder AS (SELECT user_id FROM accounts WHERE user_id = %s AND closed_at IS NULL "
            "AND password_hash = coalesce(%s, password_hash) FOR SHARE), "
            "issued AS (INSERT INTO proofs AS p (user_id, purpose, digest, email, expires_at) "
            "SELECT user_id, %s, %s, %s, now() + %s FROM holder ON CONFLICT (user_id, purpose) DO UPDATE "
            "SET digest = excluded.digest, email = excluded.email, expires_at = excluded.expires_at, "
            "mails = CASE WHEN p.since > now() - interval '1 hour' THEN p.mails + 1 ELSE 1 END, "
            "since = CASE WHEN p.since > now() - interval '1 hour' THEN p.since ELSE now() END "
            "WHERE p.mails < %s OR p.since <= now() - interval '1 hour' RETURNING 1) "
            "SELECT EXISTS (SELECT FROM holder), EXISTS (SELECT FROM issued)",
            *(user_id, password_hash, purpose, digest(token), email, LIFE[purpose], MAILS_AN_HOUR),
        )
        if not there:
            raise WrongPassword
        if not issued:
            raise TooManyMails
        return token

    async def check(self, token: str, purpose: Purpose) -> Proven:
        """What a token proves, which is good still afterwards. BadMailedToken otherwise."""
        rows = await self._database.fetch(_GOOD, digest(token), purpose)
        if not rows:
            raise BadMailedToken
        return Proven(*rows[0])

    async def spend(self, connection: Connection, token: str, purpose: Purpose) -> Proven:
        """The same, in a transaction that uses it up and holds its account. BadMailedToken otherwise."""
        row = await (
            await connection.execute(f"{_GOOD} FOR UPDATE OF a".encode(), (digest(token), purpose))
        ).fetchone()
        spent = await connection.execute(
            "UPDATE proofs SET expires_at = '-infinity' WHERE digest = %s AND expires_at > now()", (digest(token),)
        )
        if row is None or not spent.rowcount:
            raise BadMailedToken
        return Proven(*row)


async def forget(connection: Connection, user_id: str) -> None:
    """Let all of a person's tokens be dead; how many were mailed is remembered."""
    await connection.execute("UPDATE proofs SET expires_at = '-infinity' WHERE user_id = %s", (user_id,))
