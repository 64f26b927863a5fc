"""What one client is sent: one order, one bound, whatever carries it.

    waiting ── a poll, or a websocket of another ASGI server, takes what waits
       │  (everything that waits goes ahead, then)
       ▼
    a wire ── written at once

A client that does not read is *behind* once it holds more than OUTBOX_LIMIT: it is told no more of its rooms, and of
that, once, when it has caught up.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from collabcampus.sockets.frames import Frame
from collabcampus.sockets.wire import Wire
from collabcampus.telemetry import metrics

OUTBOX_LIMIT = 1024 * 1024
"""Bytes a client may leave unread before it is behind; at twice as many its connection ends."""
SHARED_LIMIT = 64 * OUTBOX_LIMIT
"""Unread bytes that others hold too, such as snapshots, at which the connection ends."""


class Client(Protocol):
    """Who is told when a client falls behind."""

    def fell_behind(self) -> None:
        """Leave what is told to rooms."""

    def caught_up(self) -> None:
        """Everything sent has left."""


class Outbox:
    """Everything one client is sent. Sending never waits and never fails."""

    __slots__ = ("_excused", "_filled", "_overflow", "_size", "_waiting", "_wire", "client", "closed")

    def __init__(self, overflow: Callable[[], None]) -> None:
        """`overflow` ends the connection of a client that reads nothing at all."""
        self._overflow = overflow
        self._waiting: deque[Frame] | None = None
        self._size = 0  # of what waits, shared bytes excepted
        self._excused = 0  # shared bytes that may not have left
        self._filled: asyncio.Future[None] | None = None
        self._wire: Wire | None = None
        self.client: Client | None = None
        self.closed = False

    @property
    def unsent(self) -> int:
        """Bytes this client alone keeps us from forgetting."""
        if self._wire is None:
            return self._size
        return max(0, self._wire.unsent - self._excused)

    @property
    def wired(self) -> bool:
        """Whether what is sent goes by a wire, where a message may be written in fragments."""
        return self._wire is not None

    def tell(self, frame: Frame) -> None:
        """Send what a whole room is told: not to a client that is behind."""
        wire = self._wire
        if wire is not None and not wire.paused:
            wire.write(frame.wire)
        elif self.unsent > OUTBOX_LIMIT and self.client:
            self.client.fell_behind()
        else:
            self.send(frame)

    def send(self, frame: Frame) -> None:
        """Send what is for this client: also to one that is behind, up to twice the limit."""
        wire = self._wire
        if wire is None:
            self._wait(frame)
            return
        wire.write(frame.wire)
        if wire.paused:
            if frame.shared:
                self._excused += len(frame.wire)
            self._bound()

    def drained(self) -> None:
        """Hear from the wire that what was written has left."""
        self._excused = 0
        if self.client:
            self.client.caught_up()

    def move_to(self, wire: Wire) -> None:
        """From now on everything goes by this wire, what waits first."""
        waiting, self._waiting = self._waiting, None
        self._wire, self._size, self._excused = wire, 0, 0
        for frame in waiting or ():
            self.send(frame)
        if self.client and not wire.paused:
            self.drained()

    async def filled(self) -> None:
        """Wait until something waits, or the outbox was released or closed."""
        if not self._waiting and not self.closed:
            self._filled = asyncio.get_running_loop().create_future()
            try:
                await self._filled
            finally:
                self._filled = None

    @property
    def awaited(self) -> bool:
        """Whether somebody waits in `filled`."""
        return self._filled is not None

    def release(self) -> None:
        """End the waiting in `filled`, with or without something to take."""
        if self._filled and not self._filled.done():
            self._filled.set_result(None)

    def take(self) -> list[bytes]:
        """All packets that wait; they count as sent."""
        packets: list[bytes] = []
        while self._waiting:
            packets += self.take_one()
        return packets

    def take_one(self) -> tuple[bytes, ...]:
        """The packets of the frame that waits first, if any; they count as sent."""
        if not self._waiting:
            return ()
        frame = self._waiting.popleft()
        if frame.shared:
            self._excused -= len(frame.wire)
        else:
            self._size -= len(frame.wire)
        if not self._waiting:
            self._waiting = None
            self.drained()
        return frame.packets

    def close(self) -> None:
        """Take nothing more; what waits may still be taken."""
        self.closed = True
        self._wire = self.client = None
        self.release()

    def _wait(self, frame: Frame) -> None:
        if self.closed:
            return
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(frame)
        if frame.shared:
            self._excused += len(frame.wire)
        else:
            self._size += len(frame.wire)
        self.release()
        self._bound()

    def _bound(self) -> None:
        if self.unsent > 2 * OUTBOX_LIMIT or self._excused > SHARED_LIMIT:
            metrics.slow_closed.inc()
            self._overflow()
