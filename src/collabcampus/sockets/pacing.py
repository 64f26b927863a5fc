"""How fast a socket may ask, what it is told that asks too fast, and when it is heard no longer."""

from heapq import heappop, heappush
from time import monotonic_ns

from collabcampus.live.pace import REFUSALS_AT_ONCE, Bucket, Budget, retry_after

TOLD_AT_ONCE = 2 * REFUSALS_AT_ONCE
"""How many of the times that a socket was told are known: as many as it may be told before it floods, and more."""


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
