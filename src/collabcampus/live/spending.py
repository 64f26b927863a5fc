"""What a person asks on one node counts on all: sockets spread over nodes multiply no limit.

A node that was told nothing for a while, because the bus was down, counts for itself meanwhile.
"""

import uuid
from collections.abc import Callable
from time import monotonic_ns

import msgspec
from msgspec import Struct

from collabcampus.live.bus import Announcer, Bus
from collabcampus.live.pace import Budgets, Spent

CHANNEL = "collabcampus_spending"


class _Hint(Struct, frozen=True, array_like=True):
    node: str
    spent: Spent


class Spending:
    """This node's part: tells the other nodes what is taken here, and takes here what they tell."""

    def __init__(self, bus: Bus, budgets: Budgets, clock: Callable[[], int] = monotonic_ns) -> None:
        """`clock` is that of the buckets, in nanoseconds."""
        self._budgets, self._clock = budgets, clock
        self._announcer = Announcer(bus, CHANNEL)  # what is lost is told with what comes next
        self._node = uuid.uuid4().hex[:12]
        budgets.tell = self._tell
        bus.subscribe(CHANNEL, self._heard)

    def _tell(self, spent: Spent) -> None:
        self._announcer.tell(msgspec.json.encode(_Hint(self._node, spent)).decode())

    def _heard(self, payload: str) -> None:
        hint = msgspec.json.decode(payload, type=_Hint)
        if hint.node != self._node:
            now = self._clock()
            self._budgets.of(hint.spent.person, now).hear(hint.node, hint.spent, now)
