"""Commands: what somebody asks for. Unknown fields are refused at the door.

A command's name on the socket is its class name in snake_case (`create_task`); the seed's `task_moved`
is another name for `move_task`. The project, the commandId and the actor travel beside the command.
"""

# ruff: noqa: F403, F405 - the vocabulary, gathered from its parts

import re
from typing import Any, TypeAlias, get_args

import msgspec
from msgspec import UNSET

from collabcampus.domain.commands.chat import *
from collabcampus.domain.commands.projects import *
from collabcampus.domain.commands.tasks import *
from collabcampus.domain.commands.undoing import *

Command: TypeAlias = (
    CreateProject
    | ForkProject
    | EditProject
    | ArchiveProject
    | RestoreProject
    | AddColumn
    | EditColumn
    | MoveColumn
    | RemoveColumn
    | CreateLabel
    | EditLabel
    | DeleteLabel
    | AddMember
    | ChangeMember
    | RemoveMember
    | TransferOwnership
    | AppointOwner
    | CreateInvitation
    | RevokeInvitation
    | AcceptInvitation
    | CreateTask
    | EditTask
    | MoveTask
    | MoveTasks
    | EditTasks
    | AssignTask
    | ArchiveTask
    | RestoreTask
    | DeleteTask
    | CopyTask
    | AddChecklistItem
    | EditChecklistItem
    | RemoveChecklistItem
    | AddComment
    | EditComment
    | DeleteComment
    | SendMessage
    | EditMessage
    | DeleteMessage
    | ReactToMessage
    | RemindDue
    | FollowGroups
    | Undo
    | Redo
)
TaskCommand: TypeAlias = (
    EditTask
    | MoveTask
    | AssignTask
    | ArchiveTask
    | RestoreTask
    | DeleteTask
    | AddChecklistItem
    | EditChecklistItem
    | RemoveChecklistItem
    | AddComment
    | EditComment
    | DeleteComment
)
"""Those that name a task which is there: its id finds the project."""

Administrative: TypeAlias = (
    EditProject
    | ArchiveProject
    | RestoreProject
    | AddColumn
    | EditColumn
    | MoveColumn
    | RemoveColumn
    | CreateLabel
    | EditLabel
    | DeleteLabel
    | AddMember
    | ChangeMember
    | RemoveMember
    | TransferOwnership
    | CreateInvitation
    | RevokeInvitation
)
"""Those about the project itself."""

NEVER_SENT = (RemindDue, FollowGroups, AppointOwner)
"""Commands that no socket takes: the server's own, and the administrators'."""

_WORD = re.compile(r"(?<!^)(?=[A-Z])")
COMMANDS: dict[str, type[Command]] = {
    _WORD.sub("_", each.__name__).lower(): each for each in get_args(Command) if each not in NEVER_SENT
}
COMMANDS["task_moved"] = MoveTask


def camel(name: str) -> str:
    """A field's name on the wire."""
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


_encoder = msgspec.json.Encoder()


def canonical(command: Command) -> bytes:
    """One text for one content, whichever door it came through: what a commandId's digest covers."""
    return type(command).__name__.encode() + _encoder.encode(command)


_OWN_ID: dict[type[Command], str] = {
    CreateTask: "task_id",
    SendMessage: "message_id",
    AddComment: "comment_id",
    AddChecklistItem: "item_id",
    CreateLabel: "label_id",
    CreateInvitation: "invitation_id",
}


def with_id(command: Command, fresh: str) -> Command:
    """Give a creation that brought no id of its own the fresh one; every other command stays as it is."""
    name = _OWN_ID.get(type(command))
    if name is None or getattr(command, name) is not UNSET:
        return command
    changed: dict[str, Any] = {name: fresh}
    return msgspec.structs.replace(command, **changed)
