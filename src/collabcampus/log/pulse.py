"""The tick of a bus, and its heartbeat: how a node knows that what others publish arrives.

The tick heals what hints were lost, so it goes on while nothing arrives at all. A heartbeat is published by this node
for itself: whoever does not hear its own hears nobody's, whatever the connection looks like.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import perf_counter

import structlog

from collabcampus.domain.errors import Busy
from collabcampus.telemetry import metrics

TICK_S = 5.0
MISSED_BEATS = 3

Tick = Callable[[], Awaitable[None]]

_logger = structlog.get_logger(__name__)


class Deaf(Exception):
    """The connection lives, but what is published does not arrive over it."""


class Pulse:
    """One bus's."""

    def __init__(self, tick: Tick, interval_s: float, bus: str = "postgres") -> None:
        """`tick` is awaited every `interval_s`, connected or not, and at once after a connection was (re)made;
        `bus` is what metrics call it."""
        self.tick = tick
        self.listening = asyncio.Event()
        """Set from a heartbeat heard until the connection is given up."""
        self._interval_s = interval_s
        self._due = asyncio.Event()
        self._unheard = 0
        self._published_at = 0.0
        self._round_trips, self._deaf = metrics.heartbeat(bus), metrics.deaf(bus)

    @asynccontextmanager
    async def ticking(self) -> AsyncIterator[None]:
        """Tick meanwhile."""
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)

    async def _tick(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._due.wait()
            self._due.clear()
            try:
                await self.tick()
            except Exception:
                _logger.exception("tick_failed")  # and goes on: what it heals would stay broken

    async def beating(self, publish: Tick, check: Tick) -> None:
        """A connection was made: publish heartbeats and `check` it after each interval, until cancelled. Deaf where
        several went unheard."""
        self._unheard = 0
        self._due.set()
        while True:
            with suppress(Busy):
                self._published_at = perf_counter()
                await publish()
                self._unheard += 1
            await asyncio.sleep(self._interval_s)
            await check()
            if self._unheard >= MISSED_BEATS:
                self._deaf.inc()
                raise Deaf

    def heard(self, _: str = "") -> None:
        """A heartbeat of our own has come."""
        self._unheard = 0
        self._round_trips.observe(perf_counter() - self._published_at)
        self.listening.set()

    def lost(self) -> None:
        """The connection is gone."""
        self.listening.clear()
