"""Throttling of sign-ins, shared by all nodes through the database: buckets of failures, full again in a minute.

A sign-in asks three buckets: the account as tried from this place, the account from anywhere (larger, so that
strangers who guess do not soon shut its owner out), and the place. A place is an IPv4 address or the /64 of an IPv6
one. An address that nobody is registered with has its buckets like any other.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import IPv6Address, ip_address

from msgspec import Struct

from collabcampus.domain.errors import RateLimited
from collabcampus.log.database import Database

WINDOW_S = 60.0
"""What a bucket holds is what it gets back in this time."""
ANYWHERE, PLACE, REGISTRATIONS, REFRESHES = 10, 10, 60, 60
"""How many times the rate of an account these hold: it from anywhere, a place, and what else a place may do."""
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


class Throttle:
    """Buckets of `rate` failures a minute, and of multiples of it; a rate of 0 is no limit."""

    def __init__(self, database: Database, rate: int) -> None:
        self._database, self._rate = database, rate
        self.secret = b""

    def of_login(self, email: str, peer: str | None) -> list[Bucket]:
        """The buckets that a wrong password for this address from this peer is taken from."""
        if peer is None:
            return []
        who, place = email.strip().lower(), _place(peer)
        return self._buckets((f"account {place} {who}", 1), (f"account {who}", ANYWHERE), (f"place {place}", PLACE))

    def of_registration(self, peer: str | None) -> list[Bucket]:
        """The bucket that every registration from this peer is taken from."""
        return [] if peer is None else self._buckets((f"registration {_place(peer)}", REGISTRATIONS))

    def of_refresh(self, peer: str | None) -> list[Bucket]:
        """The bucket that a bad refresh token from this peer is taken from."""
        return [] if peer is None else self._buckets((f"refresh {_place(peer)}", REFRESHES))

    async def require(self, buckets: Sequence[Bucket]) -> None:
        """RateLimited, with its `retryAfter`, while one of them is empty."""
        if buckets:
            ((wait,),) = await self._database.fetch(_WAIT, WINDOW_S, *_columns(buckets))
            if wait is not None and wait > 0:
                raise RateLimited(retryAfter=round(max(wait, SHORTEST_WAIT_S), 3))

    async def take(self, buckets: Sequence[Bucket]) -> None:
        """Count one failure."""
        if buckets:
            await self._database.write(_TAKE, *_columns(buckets), timedelta(seconds=WINDOW_S))

    async def sweep(self) -> None:
        """Let go of buckets that are full."""
        if self._rate:
            await self._database.write("WITH gone AS (DELETE FROM throttle WHERE full_at < now()) SELECT 1")

    def _buckets(self, *named: tuple[str, int]) -> list[Bucket]:
        if not self._rate:
            return []
        return [Bucket(self._digest(name), WINDOW_S / (self._rate * times)) for name, times in named]

    def _digest(self, name: str) -> bytes:
        """With a secret: there are too few addresses to hide one in a plain hash."""
        return hmac.digest(self.secret, name.encode("utf-8", "replace"), hashlib.sha256)


def _columns(buckets: Sequence[Bucket]) -> tuple[list[bytes], list[float]]:
    return [each.digest for each in buckets], [each.cost for each in buckets]


def _place(peer: str) -> str:
    """Who is counted as one: whoever has an IPv6 address has its whole /64."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return f"{int(address) >> (128 - PREFIX_V6):x}::/{PREFIX_V6}"
