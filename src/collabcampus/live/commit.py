"""Group commit: whatever gathers while one transaction is in flight goes in the next single round trip.

No timer: the next batch leaves when the last returns, before that one's answers and frames are sent, so the
database works while we write to sockets. Each project has an outcome of its own.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any, Literal, TypeAlias

import psycopg
import structlog

from collabcampus.domain import events as e
from collabcampus.domain.errors import Unavailable
from collabcampus.live.attempts import Taken
from collabcampus.live.project import LiveProject
from collabcampus.log.append import Appending, Outcome, Writes
from collabcampus.log.database import Connection, Database
from collabcampus.telemetry import metrics

COMMANDS_A_BATCH = 1_000
RECONNECT_S = 0.05

Fate: TypeAlias = Outcome | Literal["unknown", "failed"] | BaseException
"""What became of a project's part of a batch; `failed`: something among several commands, and nothing was written."""

Batch: TypeAlias = list[tuple[LiveProject[Any], list[Taken]]]
Landed: TypeAlias = list[tuple[LiveProject[Any], list[Taken], Sequence[e.Recorded]]]

_RETRIED = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
)
_logger = structlog.get_logger(__name__)


class GroupCommit:
    """The one writer of this node."""

    def __init__(
        self,
        database: Database,
        refused: Callable[[LiveProject[Any], Fate], None],
        concerned: Callable[[Sequence[e.Recorded]], None] | None = None,
        moved: Callable[[str, int], None] | None = None,
    ) -> None:
        """`refused` hears of each project whose part of a batch was not written, after it was rewound; `concerned` of
        what was committed here; `moved` of a project's new head, which the append itself tells otherwise."""
        self._database, self._refused, self._concerned, self._moved = database, refused, concerned, moved
        self._dirty: dict[LiveProject[Any], None] = {}
        self._wake = asyncio.Event()
        self._connection: Connection | None = None
        self._landed_at = 0.0
        self.batches = 0

    def gather(self, live: LiveProject[Any], taken: Taken) -> None:
        """Let a decided command leave with the next batch."""
        live.gathered.append(taken)
        self._dirty[live] = None
        self._wake.set()

    async def run(self) -> None:
        """Write until cancelled; what is in flight then has an unknown outcome, and is in the log or is not."""
        landed: Landed = []
        try:
            while True:
                batch = self._next()
                began = perf_counter()
                left = self._send(batch)
                # No `await` since it landed: state and room move together, seen by everybody else.
                self._deliver(landed)
                landed = []
                if batch:
                    landed = self._land(batch, self._measured(batch, await self._fates(batch, left), began))
                else:
                    await self._wake.wait()
                    self._wake.clear()
        finally:
            self._deliver(landed)
            await self._disconnect()

    def _measured(self, batch: Batch, fates: list[Fate], began: float) -> list[Fate]:
        self._landed_at = perf_counter()
        metrics.commit_seconds.observe(self._landed_at - began)
        metrics.batch_commands.observe(sum(len(takens) for _, takens in batch))
        for fate in fates:
            metrics.part(_word(fate)).inc()
        return fates

    def _send(self, batch: Batch) -> Appending | None:
        """Let the batch leave at once, if there is a connection to leave by."""
        if not batch or self._connection is None:
            return None
        try:
            return self._appending(self._connection, batch)
        except psycopg.Error:
            return None  # what is wrong shows again in `_fates`

    def _appending(self, connection: Connection, batch: Batch) -> Appending:
        return Appending(connection, _writes(batch), notify=self._moved is None)

    async def drained(self, within_s: float) -> None:
        """Wait until nothing is left to write, or for as long as that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                for live in list(self._dirty):
                    await live.quiet()

    def _next(self) -> Batch:
        batch: Batch = []
        left = COMMANDS_A_BATCH
        for live in list(self._dirty):
            if not left:
                break
            if live.gathered and live.gathered[0].base != live.state.head:
                self._take_back(live, "moved")
            live.in_flight, live.gathered = live.gathered[:left], live.gathered[left:]
            left -= len(live.in_flight)
            if live.in_flight:
                batch.append((live, live.in_flight))
            if not live.gathered:
                del self._dirty[live]
        return batch

    async def _fates(self, batch: Batch, left: Appending | None = None) -> list[Fate]:
        """The fates of the batch's projects. One that errors is halved until the bad one fails alone."""
        try:
            if left is None:
                left = self._appending(self._connection or await self._connect(), batch)
            outcomes = await left.outcomes()
            self.batches += 1
            return [outcomes[live.project_id] for live, _ in batch]
        except _RETRIED:
            return ["moved"] * len(batch)
        except psycopg.errors.QueryCanceled as error:
            return await self._halve(batch, error)
        except psycopg.OperationalError as error:
            # The connection is lost, or the server ends it, or has no room: what was sent may have been written.
            _logger.warning("commit_outcome_unknown", error=type(error).__name__)
            await self._disconnect()
            await asyncio.sleep(RECONNECT_S)
            return ["unknown"] * len(batch)
        except psycopg.Error as error:
            return await self._halve(batch, error)

    async def _halve(self, batch: Batch, error: psycopg.Error) -> list[Fate]:
        if len(batch) > 1:
            middle = len(batch) // 2
            return await self._fates(batch[:middle]) + await self._fates(batch[middle:])
        _logger.error("append_failed", project_id=batch[0][0].project_id, error=str(error))
        if len(batch[0][1]) > 1:
            return ["failed"]
        return [Unavailable() if isinstance(error, psycopg.errors.QueryCanceled) else error]

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            await connection.close()

    async def _connect(self) -> Connection:
        connection = await self._database.connect()
        await Appending.ready(connection)
        self._connection = connection
        return connection

    def _land(self, batch: Batch, fates: list[Fate]) -> Landed:
        landed: Landed = []
        _trace(batch, fates)
        for (live, takens), fate in zip(batch, fates, strict=True):
            if fate == "appended":
                live.in_flight = []
                landed.append((live, takens, live.absorb([each for taken in takens for each in taken.answer.events])))
                live.settled()
                if self._moved and takens[-1].answer.position > takens[0].base:
                    self._moved(live.project_id, takens[-1].answer.position)
            elif isinstance(fate, BaseException):
                live.in_flight = []
                takens[0].attempt.settle(None, fate)
                live.forget(takens[0].attempt)
                self._take_back(live, "moved")
            else:
                self._take_back(live, fate)
        return landed

    def _deliver(self, landed: Landed) -> None:
        """Answer, then tell the rooms: who waits for an answer to go on is served before five hundred listeners."""
        for live, takens, fresh in landed:
            for taken in takens:
                taken.attempt.settle(taken.answer)
            if fresh:
                live.room.publish(fresh)
                if live.room:
                    metrics.delivered_here.observe(perf_counter() - self._landed_at)
            for taken in takens:
                if taken.attempt.trace:
                    taken.attempt.trace.step("deliver")
            # Also of what somebody who read the log was quicker to tell the room.
            events = (event for taken in takens for event in taken.answer.events)
            concerning = [each for each in events if type(each.event) in e.CONCERNING]
            if concerning and self._concerned:
                self._concerned(concerning)

    def _take_back(self, live: LiveProject[Any], fate: Fate) -> None:
        live.rewind()
        self._refused(live, fate)


def _word(fate: Fate) -> str:
    return fate if isinstance(fate, str) else "error"


def _trace(batch: Batch, fates: list[Fate]) -> None:
    for (_, takens), fate in zip(batch, fates, strict=True):
        for taken in takens:
            if taken.attempt.trace:
                taken.attempt.trace.step("append", outcome=_word(fate))


def _writes(batch: Batch) -> list[Writes]:
    return [Writes(live.project_id, takens[0].base, [taken.decided for taken in takens]) for live, takens in batch]
