"""The keys that sign access tokens: one signs, those before it verify until what they signed has ended.

They are in the database, the same for every node, or come from the settings. A new key signs only after a delay in
which every node hears of it; and a node that was deaf looks for a key it does not know before it refuses a token.
Times come from the database as distances from now, so that no node's clock has a say.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import inf

from msgspec import Struct

from collabcampus.domain.errors import Busy
from collabcampus.log.database import Database

KEYS_CHANNEL = "collabcampus_keys"
SHORTEST_SECRET = 32
LONGEST_LIFE_S = 3_600
"""Of an access token: a demo's live an hour, all others a quarter of it."""
ANNOUNCED_S = 10.0
"""From a key's making to its first signature: longer than the tick by which a node hears of what it missed."""
KEPT_S = 2 * LONGEST_LIFE_S
"""How long a key verifies after another has begun to sign: longer than any token lives, and the leeway."""
READ_EACH_S = 1.0
"""Between two readings that unknown keys asked for, so that garbage costs nothing."""
_FIRST_KEY = 4_200_600_102
_READ = (
    "SELECT kid, secret, extract(epoch FROM signs_from - now())::float8, "
    "coalesce(extract(epoch FROM retires_at - now()), 'infinity')::float8 FROM keys"
)
_ADD = (
    "WITH retired AS (UPDATE keys SET retires_at = now() + %s "
    "WHERE retires_at IS NULL OR retires_at > now() + %s), "
    "added AS (INSERT INTO keys (kid, secret, signs_from) VALUES (%s, %s, now() + %s)) "
    "SELECT pg_notify(%s, %s)"
)


class WeakSecret(Exception):
    """A signing secret is shorter than 32 bytes."""


class Key(Struct, frozen=True):
    """A key; `signs_from` and `retires_at` by this process's monotonic clock."""

    kid: str
    secret: bytes
    signs_from: float = -inf
    retires_at: float = inf

    def __repr__(self) -> str:
        return f"Key({self.kid})"


class Listed(Struct, frozen=True, rename="camel"):
    """A key as an operator sees it; it has retired where `retires_at` is over."""

    kid: str
    created_at: datetime
    signs_from: datetime
    retires_at: datetime | None
    signs: bool

    def line(self) -> str:
        """In words."""
        what = "signs" if self.signs else f"signs from {self.signs_from:%F %T}"
        if self.retires_at:
            what += f", verifies until {self.retires_at:%F %T}"
        return f"{self.kid}  made {self.created_at:%F %T}  {what} (UTC)"


def name_of(secret: bytes) -> str:
    """The `kid` of a secret, which tells nothing of it. WeakSecret for one that is too short."""
    if len(secret) < SHORTEST_SECRET:
        raise WeakSecret(f"a secret has at least {SHORTEST_SECRET} bytes")
    return hashlib.sha256(b"kid" + secret).hexdigest()[:16]


class Keyring:
    """The keys in force, in memory: whoever asks never waits."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys: Mapping[str, Key] = {}
        self.put(keys)

    @classmethod
    def given(cls, signing: str, verifying: Iterable[str] = ()) -> "Keyring":
        """Secrets of the settings: the first signs."""
        secrets_given = [each.encode() for each in (signing, *verifying)]
        return cls(Key(name_of(each), each, -nth) for nth, each in enumerate(secrets_given))

    def put(self, keys: Iterable[Key]) -> None:
        """These from now on, and no others."""
        self._keys = {each.kid: each for each in keys}

    def signing(self) -> Key:
        """The one that signs: the newest whose time has come, and is not over."""
        now = time.monotonic()
        good = (each for each in self._keys.values() if each.signs_from <= now < each.retires_at)
        return max(good, key=lambda key: key.signs_from)

    def verifying(self, kid: str) -> Key | None:
        """The key of this name, unless there is none or it has retired."""
        key = self._keys.get(kid)
        return key if key and time.monotonic() < key.retires_at else None


class Keys:
    """The keys in the database, and this node's `ring` of them."""

    def __init__(self, database: Database, *, read_each: float = READ_EACH_S) -> None:
        """`read_each`: seconds between two readings for the sake of unknown keys."""
        self._database, self._read_each = database, read_each
        self._looked = -inf
        self._looking: asyncio.Task[None] | None = None
        self._reading: set[asyncio.Task[None]] = set()
        self.ring = Keyring(())

    async def open(self) -> None:
        """Read them; the first of all is made by whoever comes first."""
        secret = secrets.token_bytes(SHORTEST_SECRET)
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_FIRST_KEY,))
            await connection.execute(
                "INSERT INTO keys (kid, secret, signs_from) SELECT %s, %s, now() WHERE NOT EXISTS (SELECT FROM keys)",
                (name_of(secret), secret),
            )
        await self.load()

    async def load(self) -> None:
        """Read which keys there are, and erase those that have retired."""
        rows = await self._database.fetch(_READ)
        now = time.monotonic()
        self.ring.put(Key(kid, bytes(secret), now + starts, now + ends) for kid, secret, starts, ends in rows)
        if any(ends <= 0 for *_, ends in rows):
            await self._database.write("DELETE FROM keys WHERE retires_at <= now() RETURNING 1")

    def heard(self, _: str) -> None:
        """There is a new key: read it, without making anybody wait."""
        task = asyncio.get_running_loop().create_task(self._load_heard())
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def found(self, kid: str) -> bool:
        """Whether a key that is not known here is known by now. Busy where the database cannot tell.

        However many ask, the database is asked once in a while.
        """
        if self._looking is None and time.monotonic() - self._looked >= self._read_each:
            self._looked = time.monotonic()
            self._looking = asyncio.get_running_loop().create_task(self.load())
            self._looking.add_done_callback(self._found)
        if self._looking:
            await asyncio.shield(self._looking)
        return self.ring.verifying(kid) is not None

    async def rotate(self, *, announced: float = ANNOUNCED_S, kept: float = KEPT_S) -> Listed:
        """Make a key that signs after `announced` seconds; those before it verify for `kept` more. Both 0 withdraw
        them: what they signed is refused wherever this is heard."""
        secret = secrets.token_bytes(SHORTEST_SECRET)
        kid, delay = name_of(secret), timedelta(seconds=announced)
        retiring = delay + timedelta(seconds=kept)
        await self._database.write(_ADD, retiring, retiring, kid, secret, delay, KEYS_CHANNEL, kid)
        return next(each for each in await self.listed() if each.kid == kid)

    async def listed(self) -> list[Listed]:
        """All there are, the oldest first."""
        rows = await self._database.fetch(
            "SELECT kid, created_at, signs_from, retires_at, signs_from <= now() AND signs_from = "
            "max(signs_from) FILTER (WHERE signs_from <= now()) OVER () FROM keys ORDER BY created_at, kid"
        )
        return [Listed(*row) for row in rows]

    async def _load_heard(self) -> None:
        try:
            await self.load()
        except Busy:
            return  # the tick reads them

    def _found(self, looking: "asyncio.Task[None]") -> None:
        self._looking = None
        looking.cancelled() or looking.exception()
