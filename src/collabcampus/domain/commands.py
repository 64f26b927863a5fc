"""Commands: what somebody asks for. Unknown fields are refused at the door.

A command's name on the socket is its class name in snake_case (`create_task`); the seed's `task_moved`
is another name for `move_task`. The project, the commandId and the actor travel beside the command.
"""

import re
from typing import Any, TypeAlias, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from collabcampus.domain.types import (
    ColumnName,
    Description,
    EmailAddress,
    Id,
    MessageText,
    ProjectName,
    Role,
    Slug,
    Title,
)


class _Command(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    pass


class NewColumn(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A column to begin with; without an id its name makes one."""

    name: ColumnName
    id: Slug | UnsetType = UNSET


class CreateProject(_Command, frozen=True):
    """Begin a project; the actor becomes its owner. Columns may be given by name alone."""

    name: ProjectName
    description: Description = ""
    columns: tuple[ColumnName | NewColumn, ...] | UnsetType = UNSET


class EditProject(_Command, frozen=True):
    """Change the project's name or description."""

    name: ProjectName | UnsetType = UNSET
    description: Description | UnsetType = UNSET


class AddMember(_Command, frozen=True):
    """Make somebody registered a member; named by user id, or by e-mail address at the door."""

    role: Role
    user_id: Id | UnsetType = UNSET
    email: EmailAddress | UnsetType = UNSET


class ChangeMember(_Command, frozen=True):
    """Give a member another role."""

    user_id: Id
    role: Role


class RemoveMember(_Command, frozen=True):
    """Take somebody's membership; one's own is leaving."""

    user_id: Id


class CreateTask(_Command, frozen=True):
    """Put a task on the board: last in the first column unless it says where."""

    title: Title
    task_id: Id | UnsetType = UNSET
    description: Description = ""
    status: Slug | UnsetType = UNSET
    assignees: tuple[Id, ...] = ()
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET


class EditTask(_Command, frozen=True):
    """Change any editable field of a task, its place among them."""

    task_id: Id
    title: Title | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    assignees: tuple[Id, ...] | UnsetType = UNSET
    status: Slug | UnsetType = UNSET
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET


class MoveTask(_Command, frozen=True):
    """Drag a task to a column, before or after another task where it says so."""

    task_id: Id
    status: Slug
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET


class AssignTask(_Command, frozen=True):
    """Say who a task's assignees are: all of them."""

    task_id: Id
    assignees: tuple[Id, ...]


class DeleteTask(_Command, frozen=True):
    """Take a task off the board for good."""

    task_id: Id


class SendMessage(_Command, frozen=True):
    """Say something in the project's chat."""

    text: MessageText
    message_id: Id | UnsetType = UNSET


Command: TypeAlias = (
    CreateProject
    | EditProject
    | AddMember
    | ChangeMember
    | RemoveMember
    | CreateTask
    | EditTask
    | MoveTask
    | AssignTask
    | DeleteTask
    | SendMessage
)
TaskCommand: TypeAlias = EditTask | MoveTask | AssignTask | DeleteTask

_WORD = re.compile(r"(?<!^)(?=[A-Z])")
COMMANDS: dict[str, type[Command]] = {_WORD.sub("_", each.__name__).lower(): each for each in get_args(Command)}
COMMANDS["task_moved"] = MoveTask

_encoder = msgspec.json.Encoder()


def canonical(command: Command) -> bytes:
    """One text for one content, whichever door it came through: what a commandId's digest covers."""
    return type(command).__name__.encode() + _encoder.encode(command)


def with_id(command: Command, fresh: str) -> Command:
    """Give a creation that brought no id of its own the fresh one; every other command stays as it is."""
    missing: dict[str, Any] = {}
    match command:
        case CreateTask(task_id=msgspec.UNSET):
            missing = {"task_id": fresh}
        case SendMessage(message_id=msgspec.UNSET):
            missing = {"message_id": fresh}
    return msgspec.structs.replace(command, **missing) if missing else command
