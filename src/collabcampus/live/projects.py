"""Live projects: the one way in for every command, and the current state of every project in use.

A project's state in memory is a prefix of its log. It moves in one place, `LiveProject.advance`, which takes
committed events in position order and publishes them to the room, whoever committed them.
"""

import asyncio
import hashlib
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from msgspec import Struct

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.project import Actor, Project, fold, initial
from collabcampus.live.rooms import Changed, Frames, Room
from collabcampus.log import read
from collabcampus.log.append import Decided, Outcome, Writes, append
from collabcampus.log.database import Database

PROJECTS_IN_MEMORY = 1_000
TASKS_REMEMBERED = 100_000
ANSWER_WITHIN_S = 10.0
RETRY_S = (0.0005, 0.02)
RECONNECT_S = 0.05

F = TypeVar("F")


class Answer(Struct, frozen=True):
    """What a command came to: its own events (none for a no-op) and the project right after them."""

    project: Project
    events: Sequence[e.Recorded]

    @property
    def position(self) -> int:
        """The position the answer stands for."""
        return self.project.head


class LiveProject(Generic[F]):
    """One project in memory: state, room, and the turn of those who write."""

    def __init__(self, project_id: str, frames: Frames[F], changed: Changed[F] | None = None) -> None:
        self.state = initial(project_id)
        self.room: Room[F] = Room(project_id, frames, changed)
        self.turn = asyncio.Lock()
        self.users = 0

    @property
    def idle(self) -> bool:
        """Nobody listens, nobody writes, and nobody is about to."""
        return not (self.room or self.users or self.turn.locked())

    def advance(self, committed: Sequence[e.Recorded]) -> None:
        """Take committed events in position order: what is known already is skipped, a gap ends it."""
        fresh: list[e.Recorded] = []
        for recorded in committed:
            if recorded.position == self.state.head + len(fresh) + 1:
                fresh.append(recorded)
        if fresh:
            self.state = fold(self.state, fresh)
            self.room.publish(fresh)

    async def catch_up(self, database: Database) -> Project:
        """Read what the log has beyond this state; afterwards the state is as new as the log was."""
        while page := await read.events_after(database, self.state.project_id, self.state.head):
            before = self.state.head
            self.advance(page)
            if len(page) < read.PAGE or self.state.head == before:
                break
        return self.state


class Projects(Generic[F]):
    """All projects of this node."""

    def __init__(
        self,
        database: Database,
        frames: Frames[F],
        *,
        now: Callable[[], str],
        fresh_id: Callable[[], str],
        capacity: int = PROJECTS_IN_MEMORY,
    ) -> None:
        """`now` gives RFC 3339 UTC with milliseconds, `fresh_id` a new UUIDv7; `capacity` counts projects
        kept in memory while idle."""
        self._database = database
        self._frames = frames
        self._now = now
        self._fresh_id = fresh_id
        self._capacity = capacity
        self._live: OrderedDict[str, LiveProject[F]] = OrderedDict()
        self._catching_up: set[asyncio.Task[Project]] = set()
        self._project_of: dict[str, str] = {}
        self.people_changed: Changed[F] | None = None

    def rooms(self) -> list[Room[F]]:
        """The rooms that somebody here is in."""
        return [live.room for live in self._live.values() if live.room]

    def room(self, project_id: str) -> Room[F] | None:
        """A project's room, if somebody here is in it."""
        live = self._live.get(project_id)
        return live.room if live and live.room else None

    @asynccontextmanager
    async def using(self, project_id: str) -> AsyncIterator[LiveProject[F]]:
        """The project as it is in the log right now, kept in memory meanwhile; ProjectNotFound where none is."""
        live = self._get(project_id)
        live.users += 1
        try:
            await live.catch_up(self._database)
            if not live.state.head:
                self._live.pop(project_id, None)
                raise errors.ProjectNotFound
            yield live
        finally:
            live.users -= 1

    async def read(self, project_id: str) -> Project:
        """The project's state as the log has it right now; ProjectNotFound where there is none."""
        async with self.using(project_id) as live:
            return live.state

    async def submit(
        self,
        command: c.Command,
        actor: Actor,
        project_id: str | None = None,
        *,
        command_id: str | None = None,
        expected: int | None = None,
    ) -> Answer:
        """The one way in: decide, append, publish, and answer once it is durable.

        Without a project a creation makes one, and a task's id finds its own. A commandId that was answered
        before gets the same answer. `expected` is the position the client wants the project to be at:
        StalePosition otherwise. Raises a Refused for whatever is declined.
        """
        digest = hashlib.sha256(actor.user_id.encode() + c.canonical(command)).digest()
        attempt = _Attempt(
            c.with_id(command, self._fresh_id()), actor, command_id or self._fresh_id(), digest, expected
        )
        if isinstance(command, c.CreateProject):
            return await self._take_turn(self._project_id_for(actor, command_id), attempt)
        if project_id is not None:
            return await self._take_turn(project_id, attempt)
        if not isinstance(command, c.TaskCommand):
            raise errors.ProjectNotFound
        try:
            return await self._take_turn(await self.project_of(command.task_id), attempt)
        except errors.ProjectNotFound:
            raise errors.TaskNotFound from None

    async def project_of(self, task_id: str) -> str:
        """The project a task is in; TaskNotFound where there never was such a task."""
        project_id = self._project_of.get(task_id) or await read.project_of(self._database, task_id)
        if project_id is None:
            raise errors.TaskNotFound
        if len(self._project_of) >= TASKS_REMEMBERED:
            self._project_of.clear()
        self._project_of[task_id] = project_id
        return project_id

    async def _take_turn(self, project_id: str, attempt: "_Attempt") -> Answer:
        live = self._get(project_id)
        async with live.turn:
            if not live.state.head:
                await live.catch_up(self._database)
            try:
                return await self._write(live, attempt)
            finally:
                if not live.state.head:
                    self._live.pop(project_id, None)

    def _project_id_for(self, actor: Actor, command_id: str | None) -> str:
        """The id of a project to create: it follows from actor and commandId, so a retry finds the same."""
        if command_id is None:
            return self._fresh_id()
        raw = bytearray(hashlib.sha256(f"{actor.user_id}/{command_id}".encode()).digest()[:16])
        raw[6] = raw[6] & 0x0F | 0x80
        raw[8] = raw[8] & 0x3F | 0x80
        text = raw.hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def hint(self, project_id: str, position: int) -> None:
        """Somebody says the project is at `position`: a live one that is behind reads what it lacks."""
        live = self._live.get(project_id)
        if live and live.state.head < position:
            task = asyncio.create_task(live.catch_up(self._database))
            self._catching_up.add(task)
            task.add_done_callback(self._caught_up)

    async def heal(self) -> None:
        """Compare every project in use with the log's heads, for hints that were lost."""
        used = [project_id for project_id, live in self._live.items() if live.room]
        if used:
            for project_id, position in (await read.heads(self._database, used)).items():
                self.hint(project_id, position)

    def _caught_up(self, task: asyncio.Task[Project]) -> None:
        self._catching_up.discard(task)
        if not task.cancelled():
            task.exception()  # the next tick tries again

    def _get(self, project_id: str) -> LiveProject[F]:
        live = self._live.get(project_id)
        if live is None:
            self._evict()
            live = self._live[project_id] = LiveProject(project_id, self._frames, self.people_changed)
        self._live.move_to_end(project_id)
        return live

    def _evict(self) -> None:
        surplus = len(self._live) + 1 - self._capacity
        if surplus > 0:
            for project_id in [each for each, live in self._live.items() if live.idle][:surplus]:
                del self._live[project_id]

    async def _write(self, live: LiveProject[F], attempt: "_Attempt") -> Answer:
        deadline = asyncio.get_running_loop().time() + ANSWER_WITHIN_S
        while True:
            try:
                answer = await self._try(live, attempt)
                if answer:
                    return answer
                failure: errors.Busy = errors.Overloaded()
            except errors.Unavailable as error:
                # Whether it was written is unknown: the commandId tells, once the log can be reached again.
                failure = error
                await asyncio.sleep(RECONNECT_S)
            if asyncio.get_running_loop().time() > deadline:
                raise failure

    async def _try(self, live: LiveProject[F], attempt: "_Attempt") -> Answer | None:
        """One try at the current state; None where the project moved meanwhile, and was caught up with."""
        decided = await self._decide(live, attempt)
        if isinstance(decided, Answer):
            return decided
        before = live.state
        outcome = await self._append(before, decided)
        if outcome == "appended":
            return _appended(live, before, decided)
        if outcome == "taken":
            raise errors.IdTaken
        if outcome == "repeated":
            return await self._answered(live, attempt)
        if (await live.catch_up(self._database)).head == before.head:
            await asyncio.sleep(random.uniform(*RETRY_S))  # noqa: S311 - being written right now by another
        return None

    async def _decide(self, live: LiveProject[F], attempt: "_Attempt") -> "Decided | Answer":
        """Decide at the current state. A refusal stands only if the state is the log's, and the command new."""
        decided_at = live.state.head
        try:
            if attempt.expected is not None and attempt.expected != live.state.head:
                raise errors.StalePosition(position=live.state.head)
            events = decide(attempt.command, live.state, attempt.actor)
        except errors.Refused:
            if known := await self._answered(live, attempt):
                return known
            if (await live.catch_up(self._database)).head == decided_at:
                raise
            return await self._decide(live, attempt)
        return Decided(attempt.command_id, attempt.actor.user_id, attempt.digest, self._now(), events)

    async def _append(self, state: Project, decided: Decided) -> Outcome:
        async with self._database.connection() as connection:
            writes = Writes(state.project_id, state.head, [decided])
            return (await append(connection, [writes]))[state.project_id].outcome

    async def _answered(self, live: LiveProject[F], attempt: "_Attempt") -> Answer | None:
        """The answer this commandId got before, made again from the log; CommandIdReused for other content."""
        project_id = live.state.project_id
        known = await read.answered(self._database, project_id, attempt.command_id)
        if known is None:
            return None
        if known.digest != attempt.digest:
            raise errors.CommandIdReused
        history = [each async for each in read.history(self._database, project_id, until=known.position)]
        await live.catch_up(self._database)
        return Answer(fold(initial(project_id), history), history[len(history) - known.events :])


def _appended(live: LiveProject[F], before: Project, decided: Decided) -> Answer:
    recorded = [
        e.Recorded(before.project_id, position, decided.actor, decided.command_id, decided.at, event)
        for position, event in enumerate(decided.events, before.head + 1)
    ]
    live.advance(recorded)
    position = before.head + len(recorded)
    state = live.state if live.state.head == position else fold(before, recorded)
    return Answer(state, recorded)


class _Attempt(Struct, frozen=True):
    command: c.Command
    actor: Actor
    command_id: str
    digest: bytes
    expected: int | None
