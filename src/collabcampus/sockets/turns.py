"""Turns: a flood is taken up a little at a time, so that others wait for a little of it and never for all.

libuv reads up to eight megabytes of one connection before it looks at the next: seconds of small packets.
"""

import asyncio
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

AT_ONCE = 16
"""Packets of one client that are taken up one after the other; a burst of more goes on in its turns."""
IN_A_TURN = 4
"""And in each of those."""
ITERATION_S = 0.0005
"""What all turns together may take of one iteration of the loop, but for the last one begun."""


class Turns:
    """Everybody of one loop who has more to do than goes at once, in a circle."""

    def __init__(self) -> None:
        self._circle: deque[Callable[[], bool]] = deque()

    def add(self, turn: Callable[[], bool]) -> None:
        """Call `turn`, from the next iteration on, until it says False or fails."""
        if not self._circle:
            asyncio.get_running_loop().call_soon(self._go_round)
        self._circle.append(turn)

    async def through(self, steps: Iterator[None]) -> None:
        """Take all of these steps, the first few at once; what one raises comes out here and ends it."""
        if not _took(steps, AT_ONCE):
            return
        ended = asyncio.get_running_loop().create_future()

        def turn() -> bool:
            if ended.done():  # whoever waited for it is gone
                return False
            try:
                if _took(steps, IN_A_TURN):
                    return True
                ended.set_result(None)
            except Exception as error:
                ended.set_exception(error)
            return False

        self.add(turn)
        await ended

    def _go_round(self) -> None:
        ends, over = time.perf_counter() + ITERATION_S, False
        try:
            while self._circle and not over:
                turn = self._circle.popleft()
                if turn():
                    self._circle.append(turn)
                over = time.perf_counter() >= ends
        finally:  # also where one fails: it goes on no more, and the others do
            if self._circle:
                asyncio.get_running_loop().call_soon(self._go_round)


def _took(steps: Iterator[None], number: int) -> bool:
    """Whether there were so many."""
    return sum(1 for _ in islice(steps, number)) == number


_turns: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Turns]" = weakref.WeakKeyDictionary()


def turns_of(loop: asyncio.AbstractEventLoop) -> Turns:
    """The loop's own circle."""
    return _turns.get(loop) or _turns.setdefault(loop, Turns())
