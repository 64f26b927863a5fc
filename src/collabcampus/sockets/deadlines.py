"""Many deadlines of one length on one timer: a client costs an entry in a dictionary, and no timer of its own."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

SLACK_S = 0.02
"""Deadlines fall due so much early, those close together at once; of short ones it is a fiftieth."""

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Calls `due` with each thing whose time was not started anew or stopped for `delay` seconds."""

    def __init__(self, delay: float, due: Callable[[T], None]) -> None:
        self._delay, self._due = delay, due
        self._slack = min(SLACK_S, delay / 50)
        self._ends: dict[T, float] = {}  # all are of one length, so the first is always the next to end
        self._timer: asyncio.TimerHandle | None = None

    def start(self, thing: T) -> None:
        """Its time begins now, whether or not it ran before."""
        loop = asyncio.get_running_loop()
        self._ends.pop(thing, None)
        self._ends[thing] = loop.time() + self._delay
        if self._timer is None:
            self._timer = loop.call_later(self._delay - self._slack, self._tick)

    def stop(self, thing: T) -> None:
        """It falls due no more."""
        self._ends.pop(thing, None)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now, due, self._timer = loop.time(), [], None
        for thing, end in self._ends.items():
            if end > now + self._slack:
                self._timer = loop.call_at(end - self._slack, self._tick)
                break
            due.append(thing)
        for thing in due:
            if self._ends.pop(thing, None):
                loop.call_soon(self._due, thing)  # whose failure is no other's
