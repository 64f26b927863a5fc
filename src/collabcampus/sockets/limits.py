"""What clients may do at a time, on this process: how fast a socket may ask, and how many sockets there may be."""

from collections.abc import Mapping
from heapq import heappop, heappush
from ipaddress import IPv6Address, ip_address, ip_network
from time import monotonic_ns
from typing import Any

from msgspec import Struct

from collabcampus.domain.errors import LimitReached
from collabcampus.live.pace import REFUSALS_AT_ONCE, Bucket, Budget, retry_after

TOO_MANY_RETRY_AFTER_S = 3
"""When to come back where there are too many sockets: nobody knows when one will go."""
ROOMS_PER_SOCKET = 200
"""How many projects one socket may have joined at a time."""
TOLD_AT_ONCE = 2 * REFUSALS_AT_ONCE
"""How many of the times that a socket was told are known: as many as it may be told before it floods, and more."""
IPV6_SITE = 64
"""Whoever has one IPv6 address has all that begin with these bits."""
OTHERS_A_SECOND, OTHERS_AT_ONCE = 50, 500
"""Packets of one session that are no events: an honest client sends a pong each 25 s and little else."""


class Limits(Struct, frozen=True):
    """How much one may do at a time; 0 means as much as one likes. A rate is per second and socket."""

    command_rate: int
    command_burst: int
    sockets_per_user: int
    sockets_per_address: int


def room_for_another(rooms: int) -> None:
    """LimitReached for who is in so many rooms that another is too much."""
    if rooms >= ROOMS_PER_SOCKET:
        raise LimitReached(limit="rooms per socket", most=ROOMS_PER_SOCKET)


class Pace:
    """How fast one socket may ask: its own bucket, and its person's."""

    __slots__ = ("_budget", "_due", "_full", "_own")

    def __init__(self, own: Bucket, budget: Budget) -> None:
        self._own, self._budget = own, budget
        self._full: Bucket = own  # the one that refused last
        self._due: list[int] = []  # a heap: the times at which it was told to come back, and has not yet

    def take(self) -> int:
        """Ask once: 0, or the nanoseconds to wait before."""
        now = monotonic_ns()
        if wait := self._own.take(now):
            self._full = self._own
            return wait
        if wait := self._budget.take(now):
            self._own.give_back()
            self._full = self._budget
        elif self._due:
            self._came_back(now)
        return wait

    def refuse(self, wait: int) -> float | None:
        """When to come back, in seconds, after being told to wait; None for who did not wait so long too often."""
        now = monotonic_ns()
        if not self._came_back(now) and self._budget.refusals.take(now):
            return None
        later = self._full.later(now, wait)
        if len(self._due) < TOLD_AT_ONCE:
            heappush(self._due, now + later)
        return retry_after(later)

    def _came_back(self, now: int) -> bool:
        """Whether it was told to come back by now, once more than it has."""
        if self._due and self._due[0] <= now:
            heappop(self._due)
            return True
        return False


class Counts:
    """How many there are of each, up to a limit."""

    def __init__(self, most: int) -> None:
        """`most` of each; 0 for any number."""
        self._most = most
        self._counts: dict[str, int] = {}

    def __getitem__(self, key: str) -> int:
        return self._counts.get(key, 0)

    def __len__(self) -> int:
        return len(self._counts)

    def enter(self, key: str) -> bool:
        """Count one more; False, and not counted, where that is too many."""
        count = self[key]
        if self._most and count >= self._most:
            return False
        self._counts[key] = count + 1
        return True

    def leave(self, key: str) -> None:
        """Count one less."""
        count = self[key] - 1
        if count > 0:
            self._counts[key] = count
        else:
            self._counts.pop(key, None)


def address_of(environ: Mapping[str, Any]) -> str:
    """Who a request comes from, as addresses are counted: of IPv6 the network. What is no address stays as it is."""
    client = environ["asgi.scope"].get("client")
    host = str(client[0]) if client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    plain = address.ipv4_mapped
    return str(plain or ip_network((int(address), IPV6_SITE), strict=False))
