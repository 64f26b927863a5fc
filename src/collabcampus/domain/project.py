"""A project: the decider's state, one stream, one consistency boundary, one room.

`evolve`, `fold` and `merge` never refuse: the past cannot be argued with. `fold` copies once and then merges
every event into its private copy; whoever owns a state alone merges into it in place.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from copy import copy
from typing import assert_never

from msgspec import UNSET, Struct, field, structs

from collabcampus.domain import events as e
from collabcampus.domain.ranks import Place
from collabcampus.domain.types import Role

FOLD_VERSION = 1
"""Raise it whenever a state folded before would differ: stored snapshots of another version are dropped."""


class Actor(Struct, frozen=True):
    """Who asks; always from the token, never from the payload."""

    user_id: str


class Member(Struct, frozen=True, rename="camel"):
    """Somebody with a place in the project."""

    user_id: str
    role: Role


class Task(Struct, frozen=True, rename="camel"):
    """A task as clients see it. `status` is a column's id, `rank` sorts bytewise within it."""

    task_id: str
    title: str
    description: str
    status: str
    rank: str
    assignees: tuple[str, ...]
    labels: tuple[str, ...]
    priority: str | None
    due_date: str | None
    created_by: str
    created_at: str
    updated_at: str


class Message(Struct, frozen=True, rename="camel"):
    """Something said in the project's chat."""

    message_id: str
    text: str
    author: str
    at: str
    position: int


class Project(Struct):
    """Everything a decision needs to know; `head` is the position of the last event in it, 0 before any."""

    project_id: str
    head: int = 0
    name: str = ""
    description: str = ""
    columns: tuple[e.Column, ...] = ()
    created_at: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    places: dict[str, list[Place]] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)
    messages: dict[str, Message] = field(default_factory=dict)

    def role_of(self, user_id: str) -> Role | None:
        """The person's role, None without a place in the project."""
        member = self.members.get(user_id)
        return member.role if member else None

    def column(self, status: str) -> list[Place]:
        """The places of a column in order; empty for one without tasks."""
        return self.places.get(status, [])


def initial(project_id: str) -> Project:
    """The state before the first event."""
    return Project(project_id)


def evolve(project: Project, recorded: e.Recorded) -> Project:
    """The state after one more event; `project` itself stays as it was."""
    return fold(project, (recorded,))


def fold(project: Project, history: Iterable[e.Recorded]) -> Project:
    """The state after many events, in the time they take and not the board's size for each."""
    draft = private_copy(project)
    merge(draft, history)
    return draft


def merge(draft: Project, history: Iterable[e.Recorded]) -> None:
    """Bring a state that nobody else holds forward in place: each event costs the same on boards of every size."""
    for recorded in history:
        _merge(draft, recorded)


def private_copy(project: Project) -> Project:
    """A state of one's own to merge into; the things in it are immutable and shared."""
    draft = copy(project)
    draft.members = project.members.copy()
    draft.tasks = project.tasks.copy()
    draft.places = {status: column.copy() for status, column in project.places.items()}
    draft.spent = project.spent.copy()
    draft.messages = project.messages.copy()
    return draft


def _merge(draft: Project, recorded: e.Recorded) -> None:
    event = recorded.event
    match event:
        case e.TaskMoved():
            _move_task(draft, event, recorded.at)
        case e.TaskEdited() | e.TaskAssigned():
            _merge_task(draft, event, recorded.at)
        case e.TaskCreated():
            _add_task(draft, event, recorded)
        case e.TaskDeleted():
            _drop_task(draft, event.task_id)
        case e.MessageSent(message_id=message_id, text=text):
            draft.messages[message_id] = Message(message_id, text, recorded.actor, recorded.at, recorded.position)
        case e.MemberAdded(user_id=user_id, role=role) | e.MemberRoleChanged(user_id=user_id, role=role):
            draft.members[user_id] = Member(user_id, role)
        case e.MemberRemoved(user_id=user_id):
            draft.members.pop(user_id, None)
        case e.ProjectCreated():
            draft.name, draft.description = event.name, event.description
            draft.columns, draft.created_at = event.columns, recorded.at
        case e.ProjectEdited(name=name, description=description):
            draft.name = draft.name if name is UNSET else name
            draft.description = draft.description if description is UNSET else description
        case _:
            assert_never(event)
    draft.head = recorded.position


def _add_task(draft: Project, event: e.TaskCreated, recorded: e.Recorded) -> None:
    values = {name: getattr(event, name) for name in event.__struct_fields__}
    task = Task(**values, created_by=recorded.actor, created_at=recorded.at, updated_at=recorded.at)
    draft.tasks[task.task_id] = task
    _put(draft, task)


def _move_task(draft: Project, event: e.TaskMoved, at: str) -> None:
    task = draft.tasks.get(event.task_id)
    if task:
        _take(draft, task)
        moved = structs.replace(task, status=event.status, rank=event.rank, updated_at=at)
        draft.tasks[task.task_id] = moved
        _put(draft, moved)


def _merge_task(draft: Project, event: e.TaskEdited | e.TaskAssigned, at: str) -> None:
    task = draft.tasks.get(event.task_id)
    if task is None:
        return
    values = {name: value for name in event.__struct_fields__ if (value := getattr(event, name)) is not UNSET}
    draft.tasks[task.task_id] = structs.replace(task, **values, updated_at=at)


def _drop_task(draft: Project, task_id: str) -> None:
    task = draft.tasks.pop(task_id, None)
    draft.spent.add(task_id)
    if task:
        _take(draft, task)


def _put(draft: Project, task: Task) -> None:
    insort(draft.places.setdefault(task.status, []), (task.rank, task.task_id))


def _take(draft: Project, task: Task) -> None:
    column = draft.places[task.status]
    del column[bisect_left(column, (task.rank, task.task_id))]
