"""Events: facts in the past tense that carry new values, never differences.

An event's JSON (camelCase, fields that are UNSET left out) is what the log stores in `data` and what
clients see as `changes`. `key` is the id of the thing it is about; its type is its class name.
"""

from collections.abc import Iterable
from typing import ClassVar, TypeAlias, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from collabcampus.domain.types import Role


class Column(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A column of a board; `id` is a slug, `limit` how many tasks may be in it."""

    id: str
    name: str
    color: str | None = None
    limit: int | None = None


Notified: TypeAlias = tuple[str, ...] | UnsetType
"""Whom an event concerns, beside who did it: they are notified."""


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


class _OfLabel(_Event, frozen=True, rename="camel"):
    key_field = "label_id"
    label_id: str


class _OfInvitation(_Event, frozen=True, rename="camel"):
    key_field = "invitation_id"
    invitation_id: str


class _OfComment(_Event, frozen=True, rename="camel"):
    key_field = "comment_id"
    comment_id: str
    task_id: str


class _OfItem(_Event, frozen=True, rename="camel"):
    key_field = "item_id"
    item_id: str
    task_id: str


class _OfColumn(_Event, frozen=True, rename="camel"):
    """Carries all columns as they are afterwards: their order is one value."""

    key_field = "project_id"
    project_id: str
    column_id: str
    columns: tuple[Column, ...]


class ProjectCreated(_OfProject, frozen=True, rename="camel"):
    """A project with its columns began."""

    name: str
    description: str
    columns: tuple[Column, ...]


class ProjectEdited(_OfProject, frozen=True, rename="camel"):
    """The project's own words changed."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class ProjectArchived(_OfProject, frozen=True, rename="camel"):
    """The project was put away; it can be read and restored."""

    archived: bool = True


class ProjectRestored(_OfProject, frozen=True, rename="camel"):
    """The project is in use again."""

    archived: bool = False


class ColumnAdded(_OfColumn, frozen=True, rename="camel"):
    """A column came to the board."""


class ColumnEdited(_OfColumn, frozen=True, rename="camel"):
    """A column's name, colour or limit changed."""


class ColumnMoved(_OfColumn, frozen=True, rename="camel"):
    """A column came to another place among the columns."""


class ColumnRemoved(_OfColumn, frozen=True, rename="camel"):
    """A column, empty by then, left the board."""


class ColumnRebalanced(_OfProject, frozen=True, rename="camel"):
    """Tasks of a column got shorter ranks; their order is what it was."""

    status: str
    ranks: dict[str, str]


class LabelCreated(_OfLabel, frozen=True, rename="camel"):
    """A label came to be."""

    name: str
    color: str | None = None


class LabelEdited(_OfLabel, frozen=True, rename="camel"):
    """A label's name or colour changed."""

    name: str | UnsetType = UNSET
    color: str | UnsetType | None = UNSET


class LabelDeleted(_OfLabel, frozen=True, rename="camel"):
    """A label, on no task by then, is gone; its id is spent."""


class MemberAdded(_OfMember, frozen=True, rename="camel"):
    """Somebody became a member."""

    role: Role
    notifies: Notified = UNSET


class MemberRoleChanged(_OfMember, frozen=True, rename="camel"):
    """A member's role became another."""

    role: Role


class MemberRemoved(_OfMember, frozen=True, rename="camel"):
    """Somebody is a member no longer."""


class InvitationCreated(_OfInvitation, frozen=True, rename="camel"):
    """Whoever has the secret may join; of it the log has a hash alone. `address_digest` binds it to one address."""

    role: Role
    secret_hash: str
    address_digest: str | None = None
    expires_at: str | None = None
    max_uses: int | None = None
    notifies: Notified = UNSET


class InvitationAccepted(_OfInvitation, frozen=True, rename="camel"):
    """Somebody came in by the invitation, which was used so often by then."""

    user_id: str
    uses: int


class InvitationRevoked(_OfInvitation, frozen=True, rename="camel"):
    """Nobody comes in by the invitation any more."""


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
    start_date: str | None = None
    estimate: float | None = None
    notifies: Notified = UNSET


class TaskEdited(_OfTask, frozen=True, rename="camel"):
    """Values of a task changed, those that are here."""

    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    labels: tuple[str, ...] | UnsetType = UNSET
    priority: str | UnsetType | None = UNSET
    due_date: str | UnsetType | None = UNSET
    start_date: str | UnsetType | None = UNSET
    estimate: float | UnsetType | None = UNSET


class TaskMoved(_OfTask, frozen=True, rename="camel"):
    """A task came to a place: its column and its rank there."""

    status: str
    rank: str


class TaskAssigned(_OfTask, frozen=True, rename="camel"):
    """A task's assignees became these."""

    assignees: tuple[str, ...]
    notifies: Notified = UNSET


class TaskArchived(_OfTask, frozen=True, rename="camel"):
    """A task was put away."""

    archived: bool = True


class TaskRestored(_OfTask, frozen=True, rename="camel"):
    """A task came back to the board, to a place."""

    status: str
    rank: str
    archived: bool = False


class TaskDeleted(_OfTask, frozen=True, rename="camel", omit_defaults=True):
    """A task left the board, and with it these comments and checklist items; all their ids are spent."""

    comments: tuple[str, ...] = ()
    items: tuple[str, ...] = ()


class DueReminded(_OfTask, frozen=True, rename="camel"):
    """A task's assignees were reminded that it is due."""

    reminded: str
    notifies: Notified = UNSET


class ChecklistItemAdded(_OfItem, frozen=True, rename="camel"):
    """An item came to a task's checklist."""

    text: str
    done: bool
    rank: str


class ChecklistItemEdited(_OfItem, frozen=True, rename="camel"):
    """An item's text, tick or place changed."""

    text: str | UnsetType = UNSET
    done: bool | UnsetType = UNSET
    rank: str | UnsetType = UNSET


class ChecklistItemRemoved(_OfItem, frozen=True, rename="camel"):
    """An item left the checklist; its id is spent."""


class CommentAdded(_OfComment, frozen=True, rename="camel"):
    """Somebody commented on a task, which has so many comments by now."""

    text: str
    comment_count: int
    mentions: tuple[str, ...] = ()
    notifies: Notified = UNSET


class CommentEdited(_OfComment, frozen=True, rename="camel"):
    """A comment's text became another."""

    text: str
    mentions: tuple[str, ...] = ()
    notifies: Notified = UNSET


class CommentDeleted(_OfComment, frozen=True, rename="camel"):
    """A comment is gone; the task has so many by now."""

    comment_count: int


class MessageSent(_OfMessage, frozen=True, rename="camel"):
    """Somebody said something in the project's chat."""

    text: str
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()
    notifies: Notified = UNSET


class MessageEdited(_OfMessage, frozen=True, rename="camel"):
    """What was said became something else."""

    text: str
    mentions: tuple[str, ...] = ()
    notifies: Notified = UNSET


class MessageReacted(_OfMessage, frozen=True, rename="camel"):
    """A message's reactions became these: people by emoji."""

    reactions: dict[str, tuple[str, ...]]


class MessageDeleted(_OfMessage, frozen=True, rename="camel"):
    """What was said is gone; its id is spent."""


Event: TypeAlias = (
    ProjectCreated
    | ProjectEdited
    | ProjectArchived
    | ProjectRestored
    | ColumnAdded
    | ColumnEdited
    | ColumnMoved
    | ColumnRemoved
    | ColumnRebalanced
    | LabelCreated
    | LabelEdited
    | LabelDeleted
    | MemberAdded
    | MemberRoleChanged
    | MemberRemoved
    | InvitationCreated
    | InvitationAccepted
    | InvitationRevoked
    | TaskCreated
    | TaskEdited
    | TaskMoved
    | TaskAssigned
    | TaskArchived
    | TaskRestored
    | TaskDeleted
    | DueReminded
    | ChecklistItemAdded
    | ChecklistItemEdited
    | ChecklistItemRemoved
    | CommentAdded
    | CommentEdited
    | CommentDeleted
    | MessageSent
    | MessageEdited
    | MessageReacted
    | MessageDeleted
)

Administrative: TypeAlias = (
    ProjectCreated
    | ProjectEdited
    | ProjectArchived
    | ProjectRestored
    | LabelCreated
    | LabelEdited
    | LabelDeleted
    | MemberAdded
    | MemberRoleChanged
    | MemberRemoved
    | InvitationCreated
    | InvitationAccepted
    | InvitationRevoked
)
"""Those of the project itself."""

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
