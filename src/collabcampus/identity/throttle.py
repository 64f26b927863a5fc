"""Throttling of sign-ins, shared by all nodes through the database: buckets of failures, full again in a minute.

A sign-in asks three buckets: the account as tried from this place, the account from anywhere (larger, so that
strangers who guess do not soon shut its owner out), and the place. A place is an IPv4 address or the /64 of an IPv6
one. An address that nobody is registered with has its buckets like any other. Who is signed in and asked for the
password again has a bucket of their own, which no stranger empties. What else anybody may ask without being signed in
has a bucket a place for each kind of call.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from ipaddress import IPv6Address, ip_address

from msgspec import Struct

from collabcampus.domain.errors import RateLimited
from collabcampus.identity.accounts import comparable_email
from collabcampus.identity.security_log import THROTTLED, SecurityLog, peer
from collabcampus.log.database import Database

WINDOW_S = 60.0
"""What a bucket holds is what it gets back in this time."""
ANYWHERE, PLACE, CALLS = 10, 10, 60
"""How many times the rate of an account these hold: it from anywhere, a place, and what else a place may do."""
SIGN_INS, REGISTRATIONS, REFRESHES, MAILED, PROVIDERS = "sign_in", "registration", "refresh", "mailed", "openid"
FORGOTTEN, VERIFICATIONS, OWNERS = "forgotten", "verification", "current_password"
"""What is counted."""
SHORTEST_WAIT_S = 0.1
PREFIX_V6 = 64

_WAIT = (
    "SELECT max(extract(epoch FROM t.full_at - now()) + b.cost - %s)::float8 "
    "FROM throttle AS t JOIN unnest(%s::bytea[], %s::float8[]) AS b(digest, cost) USING (digest)"
)
# A bucket is never more than empty, so nobody waits longer than for one of its drops. In order, against deadlocks.
_TAKE = (
    "INSERT INTO throttle AS t (digest, full_at) "
    "SELECT b.digest, now() + make_interval(secs => b.cost) "
    "FROM unnest(%s::bytea[], %s::float8[]) AS b(digest, cost) ORDER BY b.digest "
    "ON CONFLICT (digest) DO UPDATE SET full_at = "
    "least(greatest(t.full_at, now()) + (excluded.full_at - now()), now() + %s) RETURNING 1"
)


class Bucket(Struct, frozen=True):
    """A count of something lately; `cost` in seconds: the time in which the bucket gets one back."""

    digest: bytes
    cost: float
    what: str


class Throttle:
    """Buckets of `rate` failures a minute, and of multiples of it; a rate of 0 is no limit."""

    def __init__(self, database: Database, rate: int, security: SecurityLog) -> None:
        self._database, self._rate, self._security = database, rate, security
        self.secret = b""

    def of_login(self, email: str) -> list[Bucket]:
        """The buckets that a wrong password for this address is taken from, by the `peer` that asks; none where no
        peer does."""
        where = peer.get()
        if where is None:
            return []
        who, place = comparable_email(email), _place(where)
        named = ((f"account {place} {who}", 1), (f"account {who}", ANYWHERE), (f"place {place}", PLACE))
        return self._buckets(SIGN_INS, *named)

    def of_owner(self, user_id: str) -> list[Bucket]:
        """The bucket that a wrong current password is taken from: of the account, wherever who is signed in to it is;
        none where no peer asks. Whoever has stolen an access token empties it too: a reset by
        mail is the way around."""
        return [] if peer.get() is None else self._buckets(OWNERS, (f"{OWNERS} {user_id}", 1))

    def of_calls(self, what: str) -> list[Bucket]:
        """The bucket that calls of a kind are taken from, by the `peer` that asks; none where no peer does."""
        where = peer.get()
        return [] if where is None else self._buckets(what, (f"{what} {_place(where)}", CALLS))

    @asynccontextmanager
    async def trying(self, buckets: Sequence[Bucket], turn: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
        """While a password is tried that is taken from these if it is wrong. RateLimited; asked again when its `turn`
        comes, for others may have failed meanwhile."""
        await self.require(buckets)
        async with turn:
            await self.require(buckets)
            yield

    async def spend(self, what: str) -> None:
        """Count a call of a kind. RateLimited where there were too many."""
        buckets = self.of_calls(what)
        await self.require(buckets)
        await self.take(buckets)

    async def require(self, buckets: Sequence[Bucket]) -> None:
        """RateLimited, with its `retryAfter`, while one of them is empty."""
        if buckets:
            ((wait,),) = await self._database.fetch(_WAIT, WINDOW_S, *_columns(buckets))
            if wait is not None and wait > 0:
                self._security.record_some(THROTTLED, what=buckets[0].what)
                raise RateLimited(retryAfter=round(max(wait, SHORTEST_WAIT_S), 3))

    async def take(self, buckets: Sequence[Bucket]) -> None:
        """Count one failure, or one call."""
        if buckets:
            await self._database.write(_TAKE, *_columns(buckets), timedelta(seconds=WINDOW_S))

    async def sweep(self) -> None:
        """Let go of buckets that are full, and of none that somebody is taking from: they wait for one another in no
        order, and one of them would be refused."""
        if self._rate:
            await self._database.write(
                "WITH full_again AS (SELECT digest FROM throttle WHERE full_at < now() FOR UPDATE SKIP LOCKED), "
                "gone AS (DELETE FROM throttle WHERE digest IN (SELECT digest FROM full_again)) SELECT 1"
            )

    def _buckets(self, what: str, *named: tuple[str, int]) -> list[Bucket]:
        if not self._rate:
            return []
        return [Bucket(self._digest(name), WINDOW_S / (self._rate * times), what) for name, times in named]

    def _digest(self, name: str) -> bytes:
        """With a secret: there are too few addresses to hide one in a plain hash."""
        return hmac.digest(self.secret, name.encode("utf-8", "replace"), hashlib.sha256)


def _columns(buckets: Sequence[Bucket]) -> tuple[list[bytes], list[float]]:
    return [each.digest for each in buckets], [each.cost for each in buckets]


def _place(where: str) -> str:
    """Who is counted as one: whoever has an IPv6 address has its whole /64."""
    try:
        address = ip_address(where.partition("%")[0])
    except ValueError:
        return where
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return f"{int(address) >> (128 - PREFIX_V6):x}::/{PREFIX_V6}"
