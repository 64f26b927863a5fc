"""Events: facts in the past tense that carry new values, never differences.

An event's JSON (camelCase, fields that are UNSET left out) is what the log stores in `data` and what
clients see as `changes`. `key` is the id of the thing it is about; its type is its class name.
"""

from collections.abc import Iterable
from typing import ClassVar, TypeAlias, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from collabcampus.domain.types import Role


class Column(Struct, frozen=True, rename="camel"):
    """A column of a board; `id` is a slug."""

    id: str
    name: str


class _Event(Struct, frozen=True, rename="camel"):
    key_field: ClassVar[str]

    @property
    def key(self) -> str:
        """The id of the thing this event is about."""
        return str(getattr(self, self.key_field))


class _OfProject(_Event, frozen=True, rename="camel"):
    key_field = "project_id"
    project_id: str


class _OfMember(_Event, frozen=True, rename="camel"):
    key_field = "user_id"
    user_id: str


class _OfTask(_Event, frozen=True, rename="camel"):
    key_field = "task_id"
    task_id: str


class _OfMessage(_Event, frozen=True, rename="camel"):
    key_field = "message_id"
    message_id: str


class ProjectCreated(_OfProject, frozen=True, rename="camel"):
    """A project with its columns began."""

    name: str
    description: str
    columns: tuple[Column, ...]


class ProjectEdited(_OfProject, frozen=True, rename="camel"):
    """The project's own words changed."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class MemberAdded(_OfMember, frozen=True, rename="camel"):
    """Somebody became a member."""

    role: Role


class MemberRoleChanged(_OfMember, frozen=True, rename="camel"):
    """A member's role became another."""

    role: Role


class MemberRemoved(_OfMember, frozen=True, rename="camel"):
    """Somebody is a member no longer."""


class TaskCreated(_OfTask, frozen=True, rename="camel"):
    """A task came to the board, with all its values."""

    title: str
    description: str
    status: str
    rank: str
    assignees: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    priority: str | None = None
    due_date: str | None = None


class TaskEdited(_OfTask, frozen=True, rename="camel"):
    """A task's words changed."""

    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class TaskMoved(_OfTask, frozen=True, rename="camel"):
    """A task came to a place: its column and its rank there."""

    status: str
    rank: str


class TaskAssigned(_OfTask, frozen=True, rename="camel"):
    """A task's assignees became these."""

    assignees: tuple[str, ...]


class TaskDeleted(_OfTask, frozen=True, rename="camel"):
    """A task left the board; its id is spent."""


class MessageSent(_OfMessage, frozen=True, rename="camel"):
    """Somebody said something in the project's chat."""

    text: str


Event: TypeAlias = (
    ProjectCreated
    | ProjectEdited
    | MemberAdded
    | MemberRoleChanged
    | MemberRemoved
    | TaskCreated
    | TaskEdited
    | TaskMoved
    | TaskAssigned
    | TaskDeleted
    | MessageSent
)

EVENT_TYPES: dict[str, type[Event]] = {each.__name__: each for each in get_args(Event)}

_encoder = msgspec.json.Encoder()
_decoders = {name: msgspec.json.Decoder(each) for name, each in EVENT_TYPES.items()}


class Recorded(Struct, frozen=True, rename="camel"):
    """An event as it stands in the log: `position` in its project, `at` RFC 3339 UTC with milliseconds.

    `data` holds the stored bytes: encoded once, by whoever decided, and passed on as they are.
    """

    project_id: str
    position: int
    actor: str
    command_id: str
    at: str
    event: Event
    data: bytes

    @property
    def type(self) -> str:
        """The event's type: its class name."""
        return type(self.event).__name__


def record(
    project_id: str, head: int, actor: str, command_id: str, at: str, events: Iterable[Event]
) -> list[Recorded]:
    """The events as they stand in the log when they follow right after `head`."""
    return [
        Recorded(project_id, position, actor, command_id, at, event, _encoder.encode(event))
        for position, event in enumerate(events, head + 1)
    ]


def encode_event(event: Event) -> bytes:
    """The bytes the log stores."""
    return _encoder.encode(event)


def decode_event(type_name: str, data: bytes | str) -> Event:
    """Read stored bytes back; KeyError for a type this version does not know."""
    return _decoders[type_name].decode(data)
