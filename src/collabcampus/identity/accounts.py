"""Accounts: who is registered, and by which name."""

import re
import unicodedata
from collections.abc import Iterable

import uuid_utils
from msgspec import Struct

from collabcampus.identity.errors import EmailTaken, InvalidEmail, InvalidName
from collabcampus.log.database import Database

LONGEST_EMAIL = 254
LONGEST_NAME = 100
NAMES_REMEMBERED = 50_000

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+@[^@\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class User(Struct, frozen=True, rename="camel"):
    """Somebody registered."""

    id: str
    email: str
    name: str


def clean_email(email: str) -> str:
    """The address as it is stored and compared: NFC, lower case. InvalidEmail for what is none."""
    cleaned = unicodedata.normalize("NFC", email.strip().lower())  # may grow: measured when it is done
    if len(cleaned) > LONGEST_EMAIL or not _EMAIL.match(cleaned):
        raise InvalidEmail
    return cleaned


def clean_name(name: str) -> str:
    """The name without blanks around it; InvalidName for an empty or overlong one."""
    cleaned = name.strip()
    if not 1 <= len(cleaned) <= LONGEST_NAME or _CONTROL.search(cleaned):
        raise InvalidName
    return cleaned


class Accounts:
    """Everybody registered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._names: dict[str, str] = {}

    async def add(self, people: list[tuple[str, str]], password_hash: str) -> list[User]:
        """Register (email, name) pairs with one password hash; EmailTaken leaves all of them out."""
        users = [User(str(uuid_utils.uuid7()), clean_email(email), clean_name(name)) for email, name in people]
        async with self._database.connection() as connection, connection.transaction():
            result = await connection.execute(
                "INSERT INTO accounts (user_id, email, name, password_hash) "
                "SELECT u.*, %s FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS u ON CONFLICT (email) DO NOTHING",
                (password_hash, [u.id for u in users], [u.email for u in users], [u.name for u in users]),
            )
            if result.rowcount < len(users):
                raise EmailTaken
        return users

    async def credentials(self, email: str) -> tuple[User, str, bool] | None:
        """Somebody's account, password hash and whether it is disabled; None for an unknown address."""
        try:
            cleaned = clean_email(email)
        except InvalidEmail:
            return None
        rows = await self._database.fetch(
            "SELECT user_id, email, name, password_hash, disabled_at IS NOT NULL FROM accounts WHERE email = %s",
            cleaned,
        )
        return (User(*rows[0][:3]), rows[0][3], rows[0][4]) if rows else None

    async def set_hash(self, user_id: str, password_hash: str) -> None:
        """Store another hash of the same password."""
        await self._database.write(
            "UPDATE accounts SET password_hash = %s WHERE user_id = %s RETURNING 1", password_hash, user_id
        )

    async def user(self, user_id: str) -> User | None:
        """The account with this id."""
        rows = await self._database.fetch("SELECT user_id, email, name FROM accounts WHERE user_id = %s", user_id)
        return User(*rows[0]) if rows else None

    async def find(self, email: str) -> User | None:
        """The account with this address, however it is written; None for an unknown one or none at all."""
        try:
            cleaned = clean_email(email)
        except InvalidEmail:
            return None
        rows = await self._database.fetch("SELECT user_id, email, name FROM accounts WHERE email = %s", cleaned)
        return User(*rows[0]) if rows else None

    async def names(self, user_ids: Iterable[str]) -> dict[str, str]:
        """Names by id, of those who are registered; remembered, since rooms ask for them at every join."""
        wanted = list(user_ids)
        known = {each: self._names[each] for each in wanted if each in self._names}
        missing = [each for each in wanted if each not in known]
        if missing:
            rows = await self._database.fetch(
                "SELECT user_id, name FROM accounts WHERE user_id = ANY(%s::uuid[])", missing
            )
            if len(self._names) + len(rows) > NAMES_REMEMBERED:
                self._names.clear()  # `known` is a copy: whoever waits in here meanwhile keeps what was found
            found = dict[str, str](rows)
            self._names.update(found)
            known |= found
        return known
