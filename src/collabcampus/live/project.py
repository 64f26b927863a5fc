"""One live project: its committed state, the state that waiting commands will find, its room and its writers.

`state` is a prefix of the log and moves in one place, `advance`. `ahead` is the state with everything on top that was
decided and not yet committed; commands are decided against it. Where a commit fails, `rewind` takes it all back.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Sequence, Sized
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import structlog

from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.project import Project, initial, merge, private_copy
from collabcampus.live import views
from collabcampus.live.attempts import Answer, Attempt, Taken, subject_of
from collabcampus.live.rooms import Frames, Neighbours, Room
from collabcampus.log.append import Decided
from collabcampus.telemetry import metrics

COMMANDS_REMEMBERED = 1_000
"""commandIds of clients whose answers a project keeps at hand; older ones are found in the log."""

BYTES_A_PROJECT, BYTES_A_TASK, BYTES_A_MESSAGE = 16_000, 2_000, 700
"""What things weigh in memory, about: measured with tracemalloc on boards of 5,000 tasks."""

F = TypeVar("F")
_logger = structlog.get_logger(__name__)


class Lane(Protocol):
    """Where a project's decided commands leave for the log."""

    def gather(self, live: "LiveProject[Any]", taken: Taken) -> None:
        """Let a decided command leave with the next batch."""


class LiveProject(Generic[F]):
    """A project in memory."""

    def __init__(
        self, project_id: str, frames: Frames[F], lane: Lane, neighbours: Neighbours[F] | None = None
    ) -> None:
        self.project_id = project_id
        self.lane = lane
        self.state = initial(project_id)
        self.room: Room[F] = Room(project_id, frames, neighbours)
        self.loaded = False
        self.stored_at = 0  # the position of the stored snapshot
        self.users = 0
        self.gathered: list[Taken] = []
        self.in_flight: list[Taken] = []
        self.waiting: deque[Attempt] = deque()
        self.settling: asyncio.Task[None] | None = None
        self.alone = False  # a batch of this project failed: its commands go one by one
        self.shown: Sized | None = None  # what its door has encoded of it, to be used again
        self.newer: str | None = None  # the type of the event after the state, where it is not known here
        self._board: tuple[int, bytes] | None = None
        self._known: OrderedDict[str, Attempt] = OrderedDict()
        self._ahead: Project | None = None
        self._quiet: asyncio.Future[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._reading_next: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Nobody listens, nobody writes, and nobody is about to."""
        return not (self.room or self.users or self.uncommitted or self.waiting or self.settling)

    @property
    def uncommitted(self) -> bool:
        """Whether something was decided that is not in the log for certain."""
        return bool(self.in_flight or self.gathered)

    @property
    def ready(self) -> bool:
        """Whether commands can be decided at once."""
        return self.loaded and self.settling is None

    @property
    def ahead_head(self) -> int:
        """Where the project will be when everything on its way is committed."""
        last = self.gathered or self.in_flight
        return last[-1].answer.position if last else self.state.head

    def board(self, names: views.Names) -> bytes:
        """The board as JSON, encoded once for each head."""
        if self._board is None or self._board[0] != self.state.head:
            self._board = self.state.head, views.board(self.state, names)
        return self._board[1]

    @property
    def weight(self) -> int:
        """Bytes it holds, about."""
        state = self.state
        board = (len(self.shown) if self.shown else 0) + (len(self._board[1]) if self._board else 0)
        return (
            BYTES_A_PROJECT
            + BYTES_A_TASK * len(state.tasks)
            + BYTES_A_MESSAGE * (len(state.messages) + len(state.comments))
            + board
        )

    def decide(self, attempt: Attempt, at: str) -> Taken:
        """Decide against what the command will find, and count it in. Raises a Refused."""
        ahead = self._current()
        events = self._decided(attempt, ahead, at)
        if attempt.expected is not None and attempt.expected != ahead.head:  # only now: a stranger learns no position
            raise errors.StalePosition(position=ahead.head)
        base, actor = ahead.head, attempt.actor.user_id
        recorded = e.record(self.project_id, base, actor, attempt.command_id, at, events)
        merge(ahead, recorded)
        answer = Answer(ahead.head, recorded, subject_of(attempt.command, ahead, recorded))
        decided = Decided(attempt.command_id, actor, attempt.digest, at, ahead.head, recorded)
        if attempt.brought:
            self._remember(attempt)
        if attempt.trace:
            attempt.trace.step("decide")
        return Taken(attempt, base, decided, answer)

    def _decided(self, attempt: Attempt, ahead: Project, at: str) -> list[e.Event]:
        """Nothing is decided for a member at a state that is known to be an old one."""
        if self.newer and ahead.role_of(attempt.actor.user_id):
            raise errors.NewerVersion
        events = decide(attempt.command, ahead, attempt.actor, at)
        if self.newer:
            raise errors.NewerVersion
        return events

    def stop_before(self, newer: str | None) -> None:
        """The log goes on with an event of a type that is not known here, or does not: then all of it is known."""
        if newer and newer != self.newer:
            _logger.warning("newer_version", project_id=self.project_id, position=self.state.head + 1, type=newer)
        self.newer = newer

    def known(self, command_id: str) -> Attempt | None:
        """The attempt that brought this commandId lately, waiting or answered."""
        return self._known.get(command_id)

    def forget(self, attempt: Attempt) -> None:
        """A refused command may be sent again under its commandId."""
        if self._known.get(attempt.command_id) is attempt:
            del self._known[attempt.command_id]

    def advance(self, committed: Sequence[e.Recorded]) -> None:
        """Take committed events in position order and tell the room: known ones are skipped, a gap ends it."""
        fresh = self.absorb(committed)
        if fresh:
            self.room.publish(fresh)
            if self.room:
                metrics.delivered_from_elsewhere.observe(_age(fresh[-1].at))

    def absorb(self, committed: Sequence[e.Recorded]) -> Sequence[e.Recorded]:
        """Bring the state forward alone; the caller owes the room what this returns."""
        head = self.state.head
        fresh = [each for nth, each in enumerate(_after(committed, head)) if each.position == head + nth + 1]
        if fresh:
            merge(self.state, fresh)
            if self._ahead is not None and self._ahead.head == head:
                merge(self._ahead, fresh)
        return fresh

    def rewind(self) -> None:
        """Nothing that waits was committed, or nobody knows: all of it has to be decided again, in its order."""
        again = [taken.attempt for taken in (*self.in_flight, *self.gathered)]
        self.waiting.extendleft(reversed(again))
        self.in_flight, self.gathered, self._ahead = [], [], None
        metrics.retried.inc(len(again))
        for attempt in again:
            self.forget(attempt)
        self.settled()

    def refuse_overdue(self, failure: errors.Busy) -> None:
        """Refuse what waits and should have been answered by now."""
        now = asyncio.get_running_loop().time()
        while self.waiting and self.waiting[0].deadline < now:
            self.waiting.popleft().settle(None, failure)

    def settled(self) -> None:
        """Say that a commit came to an end, for whoever waits in `quiet`."""
        if self._quiet and not self.uncommitted:
            self._quiet.set_result(None)
            self._quiet = None

    async def quiet(self) -> None:
        """Wait until nothing is uncommitted."""
        while self.uncommitted:
            if self._quiet is None:
                self._quiet = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._quiet)

    async def refreshed(self, read: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have `read` run once from now on: those who come while it runs share the next run."""
        if self._reading is None or self._reading.done():
            task = self._reading = asyncio.create_task(read())
        elif self._reading_next is None:
            task = self._reading_next = asyncio.create_task(self._read_after(self._reading, read))
        else:
            task = self._reading_next
        await asyncio.shield(task)

    async def _read_after(self, running: "asyncio.Task[None]", read: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await asyncio.wait([running])
        self._reading, self._reading_next = self._reading_next, None
        await read()

    def _current(self) -> Project:
        if self._ahead is None or (self._ahead.head != self.state.head and not self.uncommitted):
            self._ahead = private_copy(self.state)
        return self._ahead

    def _remember(self, attempt: Attempt) -> None:
        self._known[attempt.command_id] = attempt
        if len(self._known) > COMMANDS_REMEMBERED:
            self._known.popitem(last=False)


def _age(at: str) -> float:
    return max(0.0, time.time() - datetime.fromisoformat(at).timestamp())


def _after(committed: Sequence[e.Recorded], head: int) -> Sequence[e.Recorded]:
    if committed and committed[0].position > head:
        return committed
    return [each for each in committed if each.position > head]
