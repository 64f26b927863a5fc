"""The post: letters leave behind the requests that caused them, so that no answer waits for one or tells of one.

What waits is in memory: a letter that is lost with the process is asked for again. One that could not be sent waits
for its next try aside, so that it holds up no other.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from contextvars import Context
from email.message import EmailMessage

import structlog

from collabcampus.identity.letters import Letter, Letters
from collabcampus.identity.mail import Mailer, Undeliverable

WAITING = 1_000
"""Letters that may wait, those for their next try among them; beyond, one more is dropped, which a log says."""
CARRIERS = 4
PAUSES_S = (1.0, 5.0, 30.0)
"""Before a letter is tried again."""
DRAIN_S = 5.0

Written = Callable[[], Awaitable[Sequence[Letter]]]
"""Writes letters when it is their turn; none where there is nobody to write to."""

_logger = structlog.get_logger(__name__)


class Post:
    """Carries letters in the background, a few at a time."""

    def __init__(self, letters: Letters, mailer: Mailer, pauses_s: Sequence[float] = PAUSES_S) -> None:
        self.letters, self._mailer, self._pauses_s = letters, mailer, pauses_s
        self._waiting: deque[tuple[Written, Sequence[float]]] = deque()
        self._carriers: set[asyncio.Task[None]] = set()
        self._aside: set[asyncio.Task[None]] = set()

    def send(self, *letters: Letter) -> None:
        """Send these in their turn."""
        self.later(_as_it_is(letters))

    def later(self, written: Written) -> None:
        """Have something written and sent in its turn; never waits, never fails."""
        if len(self._waiting) + len(self._aside) >= WAITING:
            _logger.error("mail_dropped", waiting=WAITING)
            return
        self._queue(written, self._pauses_s)

    async def drained(self) -> None:
        """Let what waits leave, for a bounded time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while tasks := self._carriers | self._aside:
                    await asyncio.wait(tasks)
        for each in self._carriers | self._aside:
            each.cancel()

    def _queue(self, written: Written, pauses_s: Sequence[float]) -> None:
        self._waiting.append((written, pauses_s))
        if len(self._carriers) < CARRIERS:
            _started(self._carry(), self._carriers)

    async def _carry(self) -> None:
        while self._waiting:
            written, pauses_s = self._waiting.popleft()
            try:
                letters = await written()
            except Exception as error:
                _logger.error("mail_not_written", error=type(error).__name__)
                continue
            for letter in letters:
                await self._deliver(letter, pauses_s)

    async def _deliver(self, letter: Letter, pauses_s: Sequence[float]) -> None:
        """Try, and again after the next pause, unless it cannot succeed or there is no pause left."""
        try:
            await self._mailer.send(self._message(letter))
        except Exception as error:
            if pauses_s and not isinstance(error, Undeliverable):
                _started(self._again(letter, *pauses_s), self._aside)
            else:
                _logger.error("mail_not_sent", kind=letter.kind, error=type(error.__cause__ or error).__name__)

    async def _again(self, letter: Letter, pause_s: float, *pauses_s: float) -> None:
        await asyncio.sleep(pause_s)
        self._queue(_as_it_is((letter,)), pauses_s)

    def _message(self, letter: Letter) -> EmailMessage:
        try:
            return self.letters.message(letter)
        except ValueError as error:
            raise Undeliverable from error


def _as_it_is(letters: Sequence[Letter]) -> Written:
    async def written() -> Sequence[Letter]:
        return letters

    return written


def _started(work: Coroutine[None, None, None], among: set[asyncio.Task[None]]) -> None:
    """In a context of its own: it is nobody's request that a carrier happened to be started by."""
    task = asyncio.get_running_loop().create_task(work, context=Context())
    among.add(task)
    task.add_done_callback(among.discard)
