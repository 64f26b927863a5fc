"""What clients may do at a time, on this process: the bounds, and how many sockets there are."""

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from msgspec import Struct

from collabcampus.domain.errors import LimitReached

TOO_MANY_RETRY_AFTER_S = 3
"""When to come back where there are too many sockets: nobody knows when one will go."""
ROOMS_PER_SOCKET = 200
"""How many projects one socket may have joined at a time."""
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
