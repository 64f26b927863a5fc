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
    """Awaited every few seconds, connected or not, and at once after each (re)connect, since hints may have been
    missed."""

    @property
    def listening(self) -> asyncio.Event:
        """Set while what others publish is known to arrive here."""

    def subscribe(self, channel: str, heard: Heard) -> None:
        """Call `heard` with each payload of a channel; before `run`. It must neither wait nor fail."""

    def care(self, project_id: str) -> None:
        """Hear from now on what is published of this project too; a bus may let every node hear of all."""

    def let_go(self, project_id: str) -> None:
        """What is published of this project is needed here no longer."""

    async def publish(self, channel: str, payload: str, project_id: str | None = None) -> None:
        """Tell every node, or those that care for a project; a Busy where it cannot be told. Payloads are shorter
        than 8,000 bytes."""

    async def run(self) -> None:
        """Listen until cancelled."""


class Announcer:
    """Tells one channel without making anybody wait, one thing after the other: who came and went must not have gone
    and come. What cannot be told is let go of, and whoever tells here has something that heals it: presence is told
    anew at a later tick, a notification is kept until it is read, who types goes on typing."""

    def __init__(self, bus: Bus, channel: str) -> None:
        self._bus, self._channel = bus, channel
        self._untold: deque[tuple[str, str | None]] = deque(maxlen=ANNOUNCEMENTS_WAITING)
        self._telling: asyncio.Task[None] | None = None

    def tell(self, payload: str, project_id: str | None = None) -> None:
        """Publish this after all that was told before; of a project, where only that one's nodes need it."""
        self._untold.append((payload, project_id))
        if self._telling is None or self._telling.done():
            self._telling = asyncio.get_running_loop().create_task(self._publish())

    async def _publish(self) -> None:
        while self._untold:
            try:
                await self._bus.publish(self._channel, *self._untold.popleft())
            except Busy:
                self._untold.clear()
