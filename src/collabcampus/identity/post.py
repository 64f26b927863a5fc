"""The post: letters leave behind the requests that caused them, so that no answer waits for one or tells of one.

What waits is in memory: a letter that is lost with the process is asked for again.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from email.message import EmailMessage

import structlog

from collabcampus.identity.letters import Letter, Letters
from collabcampus.identity.mail import Mailer, Undeliverable

WAITING = 1_000
"""Letters that may wait; beyond, one more is dropped, which a log says."""
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
        self._waiting: deque[Written] = deque()
        self._carriers: set[asyncio.Task[None]] = set()

    def send(self, *letters: Letter) -> None:
        """Send these in their turn."""

        async def written() -> Sequence[Letter]:
            return letters

        self.later(written)

    def later(self, written: Written) -> None:
        """Have something written and sent in its turn; never waits, never fails."""
        if len(self._waiting) >= WAITING:
            _logger.error("mail_dropped", waiting=WAITING)
            return
        self._waiting.append(written)
        if len(self._carriers) < CARRIERS:
            task = asyncio.get_running_loop().create_task(self._carry())
            self._carriers.add(task)
            task.add_done_callback(self._carriers.discard)

    async def drained(self) -> None:
        """Let what waits leave, for a bounded time."""
        if self._carriers:
            await asyncio.wait(self._carriers, timeout=DRAIN_S)
        for each in self._carriers:
            each.cancel()

    async def _carry(self) -> None:
        while self._waiting:
            written = self._waiting.popleft()
            try:
                letters = await written()
            except Exception as error:
                _logger.error("mail_not_written", error=type(error).__name__)
                continue
            for letter in letters:
                await self._deliver(letter)

    async def _deliver(self, letter: Letter) -> None:
        """Try until it is gone, it cannot succeed, or it was tried often enough."""
        for pause in (*self._pauses_s, None):
            try:
                await self._mailer.send(self._message(letter))
            except Exception as error:
                if pause is None or isinstance(error, Undeliverable):
                    _logger.error("mail_not_sent", kind=letter.kind, error=type(error.__cause__ or error).__name__)
                    return
                await asyncio.sleep(pause)
            else:
                return

    def _message(self, letter: Letter) -> EmailMessage:
        try:
            return self.letters.message(letter)
        except ValueError as error:
            raise Undeliverable from error
