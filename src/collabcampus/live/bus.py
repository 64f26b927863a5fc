"""The bus between nodes: it carries hints, never truth.

What was lost on it must heal by the tick; whoever cares reads the log. The adapters satisfy the protocol by their
shape and are put in place by `app`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from collabcampus.domain.errors import Busy

ANNOUNCEMENTS_WAITING = 10_000
"""Of one channel: more than presence has to say of all rooms. Beyond, the oldest are let go of, as in an outage."""

Heard = Callable[[str], None]
Tick = Callable[[], Awaitable[None]]


class Bus(Protocol):
    """Carries short texts on named channels to every node, the sender included."""

    tick: Tick
    """Awaited every few seconds, and at once after each (re)connect, since hints may have been missed."""

    @property
    def listening(self) -> asyncio.Event:
        """Set while what others publish is known to arrive here."""

    def subscribe(self, channel: str, heard: Heard) -> None:
        """Call `heard` with each payload of a channel; before `run`. It must neither wait nor fail."""

    async def publish(self, channel: str, payload: str) -> None:
        """Tell every node; a Busy where it cannot be told. Payloads are shorter than 8,000 bytes."""

    async def run(self) -> None:
        """Listen until cancelled."""


class Announcer:
    """Tells one channel without making anybody wait, one thing after the other: who came and went must not have gone
    and come. What cannot be told is let go of, and whoever tells here has something that heals it: presence is told
    anew at a later tick, a notification is kept until it is read, who types goes on typing."""

    def __init__(self, bus: Bus, channel: str) -> None:
        self._bus, self._channel = bus, channel
        self._untold: deque[str] = deque(maxlen=ANNOUNCEMENTS_WAITING)
        self._telling: asyncio.Task[None] | None = None

    def tell(self, payload: str) -> None:
        """Publish this after all that was told before."""
        self._untold.append(payload)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.get_running_loop().create_task(self._publish())

    async def _publish(self) -> None:
        while self._untold:
            try:
                await self._bus.publish(self._channel, self._untold.popleft())
            except Busy:
                self._untold.clear()
