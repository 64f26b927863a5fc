"""What clients may do at a time, on this process: how fast a socket may ask, and how many sockets there may be."""

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from time import monotonic_ns
from typing import Any

import msgspec
from engineio.async_drivers.asgi import make_response
from msgspec import Struct

from collabcampus.domain.errors import RateLimited
from collabcampus.live.pace import A_SECOND, Bucket, Budget, retry_after
from collabcampus.sockets.handshake import EXTENSION

RETRY_AFTER_S = 3
"""When to come back where there are too many sockets: nobody knows when one will go."""
TOO_MANY = "429 TOO MANY REQUESTS"
LATEST = 5 * A_SECOND
"""The longest that anybody who asks too fast is told to wait."""
IPV6_SITE = 64
"""Whoever has one IPv6 address has all that begin with these bits."""
OTHERS_A_SECOND, OTHERS_AT_ONCE = 50, 500
"""Packets of one session that are no events: an honest client sends a pong each 25 s and little else."""
_PROBLEM = [("Content-Type", "application/problem+json"), ("Retry-After", str(RETRY_AFTER_S))]


class Limits(Struct, frozen=True):
    """How much one may do at a time; 0 means as much as one likes. A rate is per second and socket."""

    command_rate: int = 0
    command_burst: int = 0
    sockets_per_user: int = 0
    sockets_per_address: int = 0


class Pace:
    """How fast one socket may ask: its own bucket, and its person's."""

    __slots__ = ("_budget", "_own", "_told")

    def __init__(self, own: Bucket, budget: Budget) -> None:
        self._own, self._budget = own, budget
        self._told = 0  # the latest time at which somebody was told to come back

    def take(self) -> int:
        """Ask once: 0, or the nanoseconds to wait before."""
        now = monotonic_ns()
        if wait := self._own.take(now):
            return wait
        if wait := self._budget.take(now):
            self._own.give_back()
        return wait

    def refuse(self, wait: int) -> float | None:
        """When to come back, in seconds, after being told to wait; None where that was too often.

        Each is told another time: all who came back at one would be refused again, but for one of them.
        """
        now = monotonic_ns()
        if self._budget.refusals.take(now):
            return None
        self._told = min(max(self._told + self._own.each, now + wait), now + LATEST)
        return retry_after(self._told - now)


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


def too_many() -> dict[str, Any]:
    """The answer, as python-engineio has it, to who opens a session more than one may."""
    refused = RateLimited(retryAfter=RETRY_AFTER_S)
    problem = {"type": "about:blank", "title": refused.message, "status": 429, "detail": refused.message}
    body = msgspec.json.encode({**problem, "code": refused.code, **refused.details})
    return {"status": TOO_MANY, "headers": _PROBLEM, "response": body}


async def answered(status: str, headers: list[tuple[str, str]], payload: bytes, environ: dict[str, Any]) -> None:
    """Answer a request. Who asked for a websocket hears that there are too many, and not 403 as for all else."""
    scope, send = environ["asgi.scope"], environ["asgi.send"]
    if status != TOO_MANY or "websocket.http.response" not in scope.get("extensions", {}):
        await make_response(status, headers, payload, environ)
        return
    extensions = scope["extensions"]
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "websocket.http.response.start", "status": 429, "headers": raw})
    await send({"type": "websocket.http.response.body", "body": payload})
    if offered := extensions.get(EXTENSION):
        offered.handshake_complete = True  # uvicorn forgets to say so, and logs it as an error of ours
        extensions.clear()  # breaks a cycle
