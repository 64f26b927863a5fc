"""Live projects: the one way in for every command, and the current state of every project in use."""

import asyncio
import hashlib
import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Generic, TypeVar

from msgspec import structs

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.project import Actor, Project
from collabcampus.live import copies, history, pasts, undoing
from collabcampus.live.attempts import Answer, Attempt, Done, Taken, creates, join, overload, resolve, unnamed
from collabcampus.live.background import Background
from collabcampus.live.commit import Fate, GroupCommit
from collabcampus.live.hints import Hints
from collabcampus.live.ids import new_project_id
from collabcampus.live.pace import RETRY_AFTER_S
from collabcampus.live.project import LiveProject
from collabcampus.live.rooms import Frames, Neighbours, Room
from collabcampus.log import read
from collabcampus.log.database import Database
from collabcampus.log.past import Past

PROJECTS_IN_MEMORY = 1_000
BYTES_IN_MEMORY = 512 * 1024 * 1024
TASKS_REMEMBERED = 100_000
COMMANDS_WAITING = 20_000
"""Commands on their way, of everybody: beyond, they are refused at once as `overloaded`."""
ANSWER_WITHIN_S = 10.0
RETRY_S = (0.0005, 0.02)
RECONNECT_S = 0.05
LANES = 2
"""Commits that may be in flight at once; a project's always go by the same, one after the other."""
DRAIN_S = 5.0

F = TypeVar("F")


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
        capacity_bytes: int = BYTES_IN_MEMORY,
        hints: Hints | None = None,
    ) -> None:
        """`now` gives RFC 3339 UTC with milliseconds, `fresh_id` a new UUIDv7; the capacities are those of
        projects kept in memory while idle. Without `hints` the append itself notifies."""
        self._database, self._frames, self.now, self._fresh_id = database, frames, now, fresh_id
        self.past = Past(database)
        self._capacity, self._capacity_bytes = capacity, capacity_bytes
        self._live: OrderedDict[str, LiveProject[F]] = OrderedDict()
        self._hints = hints
        self._project_of: dict[str, str] = {}
        self._background = Background()
        moved = hints.moved if hints else None
        self._lanes = [GroupCommit(database, self._taken_back, self._committed, moved) for _ in range(LANES)]
        self.on_their_way = 0
        self.neighbours: Neighbours[F] | None = None
        self.committed_here: Callable[[Sequence[e.Recorded]], None] | None = None

    def rooms(self) -> list[Room[F]]:
        """The rooms that somebody here is in."""
        return [live.room for live in self._live.values() if live.room]

    def room(self, project_id: str) -> Room[F] | None:
        """A project's room, if somebody here is in it."""
        return live.room if (live := self._live.get(project_id)) and live.room else None

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Projects[F]"]:
        """Commit meanwhile; at the end what is on its way may still land, for a bounded time."""
        committing = [asyncio.create_task(lane.run()) for lane in self._lanes]
        try:
            yield self
        finally:
            await asyncio.gather(*(lane.drained(DRAIN_S) for lane in self._lanes))
            tasks = (*committing, *self._background)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # What is asked

    async def submit(
        self,
        command: c.Command,
        actor: Actor,
        project_id: str | None = None,
        *,
        command_id: str | None = None,
        expected: int | None = None,
        asked: c.Command | None = None,
    ) -> Answer:
        """The one way in: decide, append, publish, and answer once it is durable.

        Without a project a creation makes one, and a task's id finds its own. A commandId that was answered
        before gets the same answer; `asked` is what the client sent, where the door has completed it. `expected` is
        the position the client wants the project to be at: StalePosition otherwise. A Refused for what is declined.
        """
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        done: Done = partial(resolve, answered)
        if project_id is None:
            project_id = await self.project_for(command, actor, command_id)
            if isinstance(command, c.TaskCommand):
                done = partial(unnamed, done)
        self.offer(command, actor, project_id, done, command_id=command_id, expected=expected, asked=asked)
        return await answered

    async def completed(self, command: c.Command, actor: Actor, project_id: str | None = None) -> c.Command:
        """Give a creation its id, an undo its past, and a copy its original, which may be another project's: nothing
        where the actor sees none, since a repeated command is answered all the same."""
        match command:
            case c.CopyTask():
                original = await self._original(await read.project_of(self._database, command.task_id), actor)
                task = original.tasks.get(command.task_id) if original else None
                return structs.replace(command, copied=copies.of_task(task, self._fresh_id)) if task else command
            case c.CreateProject(copy_of=str(copy_of)):
                if original := await self._original(copy_of, actor):
                    made = copies.of_project(original, self._fresh_id, with_tasks=command.with_tasks)
                    return structs.replace(command, original=made)
                return command
            case c.ForkProject():
                known = await self._original(command.fork_of, actor)
                return await pasts.with_original(self.past, known, command, self._fresh_id)
            case c.CreateProject(template=str(template)):
                return structs.replace(command, original=copies.of_template(template, self._fresh_id))
            case c.Undo() | c.Redo():
                known = await self._original(project_id, actor)
                return await undoing.completed(self._database, known, command, actor)
            case _:
                return c.with_id(command, self._fresh_id())

    async def _original(self, project_id: str | None, actor: Actor) -> Project | None:
        """A project to copy from, for one of its members."""
        try:
            state = await self.read(project_id) if project_id else None
        except errors.ProjectNotFound:
            return None
        return state if state and state.role_of(actor.user_id) else None

    def offer(
        self,
        command: c.Command,
        actor: Actor,
        project_id: str,
        done: Done,
        *,
        command_id: str | None = None,
        expected: int | None = None,
        asked: c.Command | None = None,
    ) -> None:
        """Take a command without waiting; `done` is called when it is durable or declined, maybe at once.

        Commands offered for one project are carried out in this order.
        """
        if self.on_their_way >= COMMANDS_WAITING:
            overload(done)
            return
        self.on_their_way += 1
        attempt = Attempt(
            c.with_id(command, self._fresh_id()),
            actor,
            command_id or self._fresh_id(),
            hashlib.sha256(actor.user_id.encode() + c.canonical(asked or command)).digest(),
            brought=command_id is not None,
            expected=expected,
            deadline=asyncio.get_running_loop().time() + ANSWER_WITHIN_S,
            done=done,
        )
        attempt.listeners.append(self._arrived)
        live = self._get(project_id)
        if not live.ready or not self._take(live, attempt):
            live.waiting.append(attempt)
            self._settle_soon(live)

    def offer_task(self, command: c.TaskCommand, actor: Actor, done: Done, *, command_id: str | None) -> bool:
        """`offer` for a task that is named alone; False where its project has to be looked up first."""
        project_id = self._project_of.get(command.task_id)
        if project_id is None:
            return False
        self.offer(command, actor, project_id, partial(unnamed, done), command_id=command_id)
        return True

    async def project_for(self, command: c.Command, actor: Actor, command_id: str | None) -> str:
        """The project of a command that names none. ProjectNotFound or TaskNotFound where none can be."""
        if isinstance(command, c.CreateProject | c.ForkProject):
            return new_project_id(actor, command_id) if command_id else self._fresh_id()
        if isinstance(command, c.TaskCommand):
            return await self.project_of(command.task_id)
        raise errors.InvalidPayload(reason="projectId is expected")

    async def project_of(self, task_id: str) -> str:
        """The project a task is in; TaskNotFound where there never was such a task."""
        project_id = self._project_of.get(task_id) or await read.project_of(self._database, task_id)
        if project_id is None:
            raise errors.TaskNotFound
        if len(self._project_of) >= TASKS_REMEMBERED:
            self._project_of.clear()
        self._project_of[task_id] = project_id
        return project_id

    # How it is decided

    def _take(self, live: LiveProject[F], attempt: Attempt) -> bool:
        """Decide at once, or join the attempt whose commandId this is. False: the log has to be asked first."""
        first = live.known(attempt.command_id) if attempt.brought else None
        if first is not None:
            join(first, attempt)
            return True
        try:
            live.lane.gather(live, live.decide(attempt, self.now()))
        except errors.Refused:
            return False
        except Exception as error:
            attempt.settle(None, error)
        return True

    def _committed(self, events: Sequence[e.Recorded]) -> None:
        if self.committed_here:
            self.committed_here(events)

    def _arrived(self, answer: Answer | None, error: BaseException | None) -> None:
        self.on_their_way -= 1

    def _taken_back(self, live: LiveProject[F], fate: Fate) -> None:
        live.alone = live.alone or fate == "failed"
        self._settle_soon(live)

    def _settle_soon(self, live: LiveProject[F]) -> None:
        if live.settling is None and live.waiting:
            live.settling = self._background.spawn(self._settle(live))

    async def _settle(self, live: LiveProject[F]) -> None:
        """Carry on with what could not be decided at once: at the log's own state, in the order it was asked."""
        failure: errors.Busy = errors.Overloaded(retryAfter=RETRY_AFTER_S)
        try:
            while live.waiting:
                await live.quiet()
                live.refuse_overdue(failure)
                before = live.state.head
                try:
                    await self._refresh(live)
                    await self._decide_waiting(live)
                except errors.Unavailable as error:
                    failure = error
                    await asyncio.sleep(RECONNECT_S)
                if live.waiting and live.state.head == before and not live.uncommitted:
                    await asyncio.sleep(random.uniform(*RETRY_S))  # noqa: S311 - being written by another right now # nosec B311
        except Exception as error:
            while live.waiting:
                live.waiting.popleft().settle(None, error)
            raise
        finally:
            live.settling = None
            self._drop_unborn(live)
            self._settle_soon(live)

    async def _decide_waiting(self, live: LiveProject[F]) -> None:
        doubtful = [each.command_id for each in live.waiting]
        created = [each for attempt in live.waiting if (each := creates(attempt.command))]
        # Ids first: one that a lost commit of ours has claimed meanwhile is then known to be answered.
        taken_ids = await read.taken_ids(self._database, created) if created else set()
        answered = await read.answered(self._database, live.project_id, doubtful)
        while live.waiting:
            attempt = live.waiting[0]
            if known := answered.get(attempt.command_id):
                live.waiting.popleft()
                await self._answer_again(live, attempt, known)
                continue
            try:
                if (new_id := creates(attempt.command)) in taken_ids:
                    raise errors.IdTaken(taskId=new_id)
                taken = self._decide(live, attempt)
            except errors.Refused as refused:
                if live.uncommitted:
                    return  # decided on top of what may fail: again when that has landed
                live.waiting.popleft()
                live.forget(attempt)
                attempt.settle(None, refused)
                continue
            live.waiting.popleft()
            if taken:
                live.lane.gather(live, taken)
                if live.alone:
                    return
        live.alone = False

    def _decide(self, live: LiveProject[F], attempt: Attempt) -> Taken | None:
        first = live.known(attempt.command_id) if attempt.brought else None
        if first is not None and first is not attempt:
            join(first, attempt)
            return None
        return live.decide(attempt, self.now())

    async def _answer_again(self, live: LiveProject[F], attempt: Attempt, known: read.Answered) -> None:
        """Give the answer this commandId got before, made again from the log; CommandIdReused for other content."""
        try:
            if known.digest != attempt.digest:
                raise errors.CommandIdReused
            answer = await history.answer(self._database, live.project_id, attempt.command, known)
            attempt.settle(answer)
        except errors.Unavailable:
            live.waiting.appendleft(attempt)
            raise
        except errors.Refused as refused:
            attempt.settle(None, refused)

    # What is known of projects

    @asynccontextmanager
    async def using(self, project_id: str) -> AsyncIterator[LiveProject[F]]:
        """The project as it is in the log right now, kept in memory meanwhile; ProjectNotFound where none is."""
        live = self._get(project_id)
        live.users += 1
        try:
            await self._refresh(live)
            if not live.state.head:
                raise errors.ProjectNotFound
            yield live
        finally:
            live.users -= 1
            self._drop_unborn(live)

    async def read(self, project_id: str) -> Project:
        """The project's state, as new as the log is right now, and moving on with it; ProjectNotFound where there is
        none. Whoever keeps it over an `await` looks at a later moment afterwards."""
        async with self.using(project_id) as live:
            return live.state

    async def _refresh(self, live: LiveProject[F]) -> None:
        await live.refreshed(partial(history.catch_up, self._database, live))

    def hint(self, project_id: str, position: int) -> None:
        """Somebody says the project is at `position`: a live one that is behind reads what it lacks."""
        live = self._live.get(project_id)
        if live is None or live.state.head >= position:
            return
        if position > live.ahead_head:  # also while it is being loaded: what is read may be of before
            self._background.spawn(self._refresh(live))
        # else it is our own commit whose answer is under way, or another's that will refuse it as moved

    async def heal(self) -> None:
        """Compare every project in use with the log's heads, for hints that were lost; let go of idle ones."""
        self._evict(0)
        used = {project_id: live for project_id, live in self._live.items() if live.room}
        for live in used.values():
            await history.keep(self._database, live)
        await self.compare([*used])

    async def compare(self, project_ids: list[str]) -> None:
        """Look where these are in the log: a live one that is behind reads what it lacks."""
        for project_id, position in (await read.heads(self._database, project_ids) if project_ids else {}).items():
            self.hint(project_id, position)

    def _get(self, project_id: str) -> LiveProject[F]:
        live = self._live.get(project_id)
        if live is None:
            self._evict(1)
            live = self._live[project_id] = LiveProject(
                project_id, self._frames, self._lanes[hash(project_id) % LANES], self.neighbours
            )
            if self._hints:
                self._hints.care(project_id)
        self._live.move_to_end(project_id)
        return live

    def _evict(self, coming: int) -> None:
        """Let go of those longest idle until number and bytes are within bounds; those in use stay."""
        surplus = len(self._live) + coming - self._capacity
        heavy = 0 if coming else sum(live.weight for live in self._live.values()) - self._capacity_bytes
        if surplus <= 0 and heavy <= 0:
            return
        for live in [each for each in self._live.values() if each.idle]:
            if surplus <= 0 and heavy <= 0:
                break
            surplus, heavy = surplus - 1, heavy - live.weight
            self._drop(live)
            self._background.spawn(history.keep(self._database, live))

    def _drop_unborn(self, live: LiveProject[F]) -> None:
        if not live.state.head and live.idle:
            self._drop(live)

    def _drop(self, live: LiveProject[F]) -> None:
        if self._live.pop(live.project_id, None) and self._hints:
            self._hints.let_go(live.project_id)
