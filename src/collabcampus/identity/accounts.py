"""Accounts: who is registered, and by which name."""

import re
import time
import unicodedata
from collections.abc import Iterable

import uuid_utils
from msgspec import Struct

from collabcampus.identity.errors import EmailTaken, InvalidEmail, InvalidName
from collabcampus.log.database import Database

LONGEST_EMAIL = 254
LONGEST_NAME = 100
NAMES_REMEMBERED = 50_000
NAMES_KEPT_S = 60
"""How long names are remembered at the most, should the news of a change be lost."""
NAMES_CHANNEL = "collabcampus_names"
"""Whose name is another now: a user id."""
FORMER = "Former member"
"""How somebody is called whose account is closed."""

_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+@[^@\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+\Z")
_JOINED = re.compile(r"(?<=[^\s\u200c\u200d])[\u200c\u200d](?=[^\s\u200c\u200d])")
"""What several scripts and emoji have between two visible characters."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class User(Struct, frozen=True, rename="camel"):
    """Somebody registered."""

    id: str
    email: str
    name: str


class Account(Struct, frozen=True, rename="camel"):
    """Somebody registered, as they see it themselves."""

    id: str
    email: str
    name: str
    verified: bool


def clean_email(email: str) -> str:
    """The address as it is stored and compared: NFC, lower case. InvalidEmail for what is none."""
    cleaned = unicodedata.normalize("NFC", email.strip().lower())  # may grow: measured when it is done
    if len(cleaned) > LONGEST_EMAIL or not _EMAIL.match(cleaned) or _is_hiding(cleaned):
        raise InvalidEmail
    return cleaned


def comparable_email(email: str) -> str:
    """The same, and what is no address as it came: whatever is tried has a name to count it by."""
    try:
        return clean_email(email)
    except InvalidEmail:
        return email


def clean_name(name: str) -> str:
    """The name without blanks around it; InvalidName for an empty or overlong one."""
    cleaned = name.strip()
    if not 1 <= len(cleaned) <= LONGEST_NAME or _CONTROL.search(cleaned):
        raise InvalidName
    if _is_hiding(_JOINED.sub("", cleaned)):
        raise InvalidName
    return cleaned


def _is_hiding(text: str) -> bool:
    """Whether something in it shows nothing or turns the writing around, so that one looks like another."""
    return any(unicodedata.category(each) == "Cf" for each in text)


class Accounts:
    """Everybody registered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._names: dict[str, str] = {}
        self._names_since = 0.0

    async def add(
        self, people: list[tuple[str, str]], password_hash: str, *, verified: bool = False, must_verify: bool = False
    ) -> list[User]:
        """Register (email, name) pairs with one password hash; EmailTaken leaves all of them out.

        `verified` addresses need no proof; those who `must_verify` cannot sign in without.
        """
        users = [User(str(uuid_utils.uuid7()), clean_email(email), clean_name(name)) for email, name in people]
        async with self._database.connection() as connection, connection.transaction():
            result = await connection.execute(
                "INSERT INTO accounts (user_id, email, name, password_hash, verified_at, must_verify) "
                "SELECT u.*, %s, CASE WHEN %s THEN now() END, %s "
                "FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS u ON CONFLICT (email) DO NOTHING",
                (
                    *(password_hash, verified, must_verify),
                    *([u.id for u in users], [u.email for u in users], [u.name for u in users]),
                ),
            )
            if result.rowcount < len(users):
                raise EmailTaken
        return users

    async def credentials(self, email: str) -> tuple[User, str, bool, bool] | None:
        """Somebody's account, password hash, whether it is disabled and whether the address has to be verified before
        it can be used; None for an unknown address."""
        try:
            cleaned = clean_email(email)
        except InvalidEmail:
            return None
        rows = await self._database.fetch(
            "SELECT user_id, email, name, password_hash, disabled_at IS NOT NULL, "
            "must_verify AND verified_at IS NULL FROM accounts WHERE email = %s",
            cleaned,
        )
        return (User(*rows[0][:3]), rows[0][3], rows[0][4], rows[0][5]) if rows else None

    async def set_hash(self, user_id: str, password_hash: str, instead_of: str) -> bool:
        """Store another hash of the same password; whether it was the same still."""
        return bool(
            await self._database.write(
                "UPDATE accounts SET password_hash = %s WHERE user_id = %s AND password_hash = %s RETURNING 1",
                *(password_hash, user_id, instead_of),
            )
        )

    async def verify(self, user_id: str) -> None:
        """Take somebody's address for verified."""
        await self._database.write(
            "UPDATE accounts SET verified_at = coalesce(verified_at, now()) WHERE user_id = %s RETURNING 1", user_id
        )

    async def user(self, user_id: str) -> User | None:
        """The account with this id; None for one that is closed, too."""
        account = await self.account(user_id)
        return User(account.id, account.email, account.name) if account else None

    async def account(self, user_id: str) -> Account | None:
        """The same, with what only its owner is told."""
        rows = await self._database.fetch(
            "SELECT user_id, email, name, verified_at IS NOT NULL FROM accounts "
            "WHERE user_id = %s AND closed_at IS NULL",
            user_id,
        )
        return Account(*rows[0]) if rows else None

    async def find(self, email: str, *, verified: bool = False) -> User | None:
        """The account with this address, however it is written; None for an unknown one or none at all, and, if asked
        for `verified` ones, for one that is not."""
        try:
            cleaned = clean_email(email)
        except InvalidEmail:
            return None
        rows = await self._database.fetch(
            "SELECT user_id, email, name FROM accounts WHERE email = %s AND (verified_at IS NOT NULL OR NOT %s)",
            *(cleaned, verified),
        )
        return User(*rows[0]) if rows else None

    def renamed(self, user_id: str) -> None:
        """Somebody's name is another now, on whichever node it was changed."""
        self._names.pop(user_id, None)

    async def names(self, user_ids: Iterable[str]) -> dict[str, str]:
        """Names by id, of those who are or were registered; remembered, since rooms ask for them at every join."""
        self._forget_old_names()
        wanted = list(user_ids)
        known = {each: self._names[each] for each in wanted if each in self._names}
        missing = [each for each in wanted if each not in known]
        if missing:
            rows = await self._database.fetch(
                "SELECT user_id, CASE WHEN closed_at IS NULL THEN name ELSE %s END FROM accounts "
                "WHERE user_id = ANY(%s::uuid[])",
                *(FORMER, missing),
            )
            if len(self._names) + len(rows) > NAMES_REMEMBERED:
                self._names.clear()  # `known` is a copy: whoever waits in here meanwhile keeps what was found
            found = dict[str, str](rows)
            self._names.update(found)
            known |= found
        return known

    def _forget_old_names(self) -> None:
        now = time.monotonic()
        if now - self._names_since > NAMES_KEPT_S:
            self._names.clear()
            self._names_since = now
