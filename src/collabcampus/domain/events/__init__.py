"""Events: facts in the past tense that carry new values, never differences.

An event's JSON (camelCase, fields that are UNSET left out) is what the log stores in `data` and what
clients see as `changes`. `key` is the id of the thing it is about; its type is its class name.
"""

# ruff: noqa: F403, F405 - the vocabulary, gathered from its parts

from collections.abc import Iterable
from typing import TypeAlias, get_args

import msgspec
from msgspec import Struct

from collabcampus.domain.events.base import Column as Column
from collabcampus.domain.events.chat import *
from collabcampus.domain.events.projects import *
from collabcampus.domain.events.tasks import *
from collabcampus.domain.events.undoing import *
from collabcampus.domain.events.upcasting import UPCASTERS

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
    | CommandUndone
    | CommandRedone
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

CONCERNING: frozenset[type[Event]] = frozenset(
    each for each in get_args(Event) if "notifies" in each.__struct_fields__
)
"""Those that may concern people beside who did it."""

EVENT_TYPES: dict[str, type[Event]] = {each.__name__: each for each in get_args(Event)}


class UnknownType(KeyError):
    """A type that this version does not know: a newer one wrote it."""


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
    """Read stored bytes back, of whatever shape they are; UnknownType for what only a newer version knows."""
    decoder = _decoders.get(type_name)
    if decoder is None:
        raise UnknownType(type_name)
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        if type_name not in UPCASTERS:
            raise
    return msgspec.convert(UPCASTERS[type_name](msgspec.json.decode(data)), EVENT_TYPES[type_name])
