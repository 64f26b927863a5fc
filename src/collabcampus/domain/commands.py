"""Commands: what somebody asks for. Unknown fields are refused at the door.

A command's name on the socket is its class name in snake_case (`create_task`); the seed's `task_moved`
is another name for `move_task`. The project, the commandId and the actor travel beside the command.
"""

import re
from typing import Annotated, Any, ClassVar, TypeAlias, get_args

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from collabcampus.domain import limits
from collabcampus.domain.events import Column
from collabcampus.domain.templates import TemplateName
from collabcampus.domain.types import (
    Color,
    ColumnName,
    CommentText,
    Day,
    Description,
    EmailAddress,
    Emoji,
    Estimate,
    Id,
    ItemText,
    LabelName,
    MessageText,
    Priority,
    ProjectName,
    Role,
    Slug,
    Title,
    WipLimit,
)


class _Command(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    door_fills: ClassVar[tuple[str, ...]] = ()
    """Fields that hold what a decision needs from elsewhere: the door looks it up, whatever a client sent."""


Filled: TypeAlias = str | UnsetType
TaskIds = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=limits.TASKS_PER_COMMAND)]


class NewColumn(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A column to begin with; without an id its name makes one."""

    name: ColumnName
    id: Slug | UnsetType = UNSET


class CreateProject(_Command, frozen=True):
    """Begin a project; the actor becomes its owner.

    It has the columns that are given, by name alone if one likes; or those, and the labels, of a template, or of
    another project of the actor's, `with_tasks` those on its board too.
    """

    door_fills = ("original",)
    name: ProjectName
    description: Description = ""
    columns: tuple[ColumnName | NewColumn, ...] | UnsetType = UNSET
    template: TemplateName | UnsetType = UNSET
    copy_of: Id | UnsetType = UNSET
    with_tasks: bool = False
    original: "Original | UnsetType" = UNSET


class EditProject(_Command, frozen=True):
    """Change the project's name or description."""

    name: ProjectName | UnsetType = UNSET
    description: Description | UnsetType = UNSET


class ArchiveProject(_Command, frozen=True):
    """Put the project away: it can be read and restored, and nothing else."""


class RestoreProject(_Command, frozen=True):
    """Use an archived project again."""


class AddColumn(_Command, frozen=True):
    """Add a column: last unless it says where; without an id its name makes one."""

    name: ColumnName
    column_id: Slug | UnsetType = UNSET
    color: Color | None = None
    limit: WipLimit | None = None
    before: Slug | UnsetType = UNSET
    after: Slug | UnsetType = UNSET


class EditColumn(_Command, frozen=True):
    """Change a column's name, colour or limit, and its place where that is named."""

    column_id: Slug
    name: ColumnName | UnsetType = UNSET
    color: Color | UnsetType | None = UNSET
    limit: WipLimit | UnsetType | None = UNSET
    before: Slug | UnsetType = UNSET
    after: Slug | UnsetType = UNSET


class MoveColumn(_Command, frozen=True):
    """Put a column before or after another; last where it names none."""

    column_id: Slug
    before: Slug | UnsetType = UNSET
    after: Slug | UnsetType = UNSET


class RemoveColumn(_Command, frozen=True):
    """Take a column away; its tasks go to the end of the column `move_to`."""

    column_id: Slug
    move_to: Slug | UnsetType = UNSET


class CreateLabel(_Command, frozen=True):
    """Make a label."""

    name: LabelName
    color: Color | None = None
    label_id: Id | UnsetType = UNSET


class EditLabel(_Command, frozen=True):
    """Change a label's name or colour."""

    label_id: Id
    name: LabelName | UnsetType = UNSET
    color: Color | UnsetType | None = UNSET


class DeleteLabel(_Command, frozen=True):
    """Take a label off every task and away."""

    label_id: Id


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
    """Take somebody's membership and assignments; one's own is leaving."""

    user_id: Id


class TransferOwnership(_Command, frozen=True):
    """Make a member an owner in one's own place; one stays an editor."""

    user_id: Id


class CreateInvitation(_Command, frozen=True):
    """Invite by link, or, with an address, whoever signs in with it. What the door fills in, no client names."""

    door_fills = ("secret_hash", "address_digest", "invited")
    role: Role
    email: EmailAddress | UnsetType = UNSET
    expires_at: Day | None = None
    max_uses: Annotated[int, Meta(ge=1, le=limits.INVITATION_USES)] | None = None
    invitation_id: Id | UnsetType = UNSET
    secret_hash: Filled = UNSET
    address_digest: Filled = UNSET
    invited: Filled = UNSET


class RevokeInvitation(_Command, frozen=True):
    """Let nobody come in by an invitation any more."""

    invitation_id: Id


class AcceptInvitation(_Command, frozen=True):
    """Come in by an invitation: the invited person's own act."""

    door_fills = ("address_digest",)
    invitation_id: Id
    secret: Annotated[str, Meta(max_length=100)]
    address_digest: Filled = UNSET


class CreateTask(_Command, frozen=True):
    """Put a task on the board: last in the first column unless it says where."""

    title: Title
    task_id: Id | UnsetType = UNSET
    description: Description = ""
    status: Slug | UnsetType = UNSET
    assignees: tuple[Id, ...] = ()
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET
    labels: tuple[Id, ...] = ()
    priority: Priority | None = None
    due_date: Day | None = None
    start_date: Day | None = None
    estimate: Estimate | None = None


class EditTask(_Command, frozen=True):
    """Change any editable field of a task, its place among them.

    With `base_position`, what was changed by others since is not overwritten: EditConflict.
    """

    task_id: Id
    title: Title | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    assignees: tuple[Id, ...] | UnsetType = UNSET
    status: Slug | UnsetType = UNSET
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET
    labels: tuple[Id, ...] | UnsetType = UNSET
    priority: Priority | UnsetType | None = UNSET
    due_date: Day | UnsetType | None = UNSET
    start_date: Day | UnsetType | None = UNSET
    estimate: Estimate | UnsetType | None = UNSET
    base_position: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class MoveTask(_Command, frozen=True):
    """Drag a task to a column, before or after another task where it says so."""

    task_id: Id
    status: Slug
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET


class MoveTasks(_Command, frozen=True):
    """Drag several tasks together; they keep the order in which they are named."""

    task_ids: TaskIds
    status: Slug
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET


class EditTasks(_Command, frozen=True):
    """Change several tasks alike."""

    task_ids: TaskIds
    assignees: tuple[Id, ...] | UnsetType = UNSET
    labels: tuple[Id, ...] | UnsetType = UNSET
    priority: Priority | UnsetType | None = UNSET
    due_date: Day | UnsetType | None = UNSET
    start_date: Day | UnsetType | None = UNSET
    estimate: Estimate | UnsetType | None = UNSET
    archived: bool | UnsetType = UNSET


class AssignTask(_Command, frozen=True):
    """Say who a task's assignees are: all of them."""

    task_id: Id
    assignees: tuple[Id, ...]


class ArchiveTask(_Command, frozen=True):
    """Put a task away."""

    task_id: Id


class RestoreTask(_Command, frozen=True):
    """Bring an archived task back, to the end of its column."""

    task_id: Id


class DeleteTask(_Command, frozen=True):
    """Take a task off the board for good."""

    task_id: Id


class CopyTask(_Command, frozen=True):
    """Copy a task from where it is into this project: its words, dates, estimate and checklist."""

    door_fills = ("copied",)
    task_id: Id
    status: Slug | UnsetType = UNSET
    copied: "Copied | UnsetType" = UNSET


class AddChecklistItem(_Command, frozen=True):
    """Add an item to a task's checklist, last unless it says where."""

    task_id: Id
    text: ItemText
    item_id: Id | UnsetType = UNSET
    done: bool = False
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET


class EditChecklistItem(_Command, frozen=True):
    """Change an item's text, tick it, or put it elsewhere in the list."""

    task_id: Id
    item_id: Id
    text: ItemText | UnsetType = UNSET
    done: bool | UnsetType = UNSET
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET


class RemoveChecklistItem(_Command, frozen=True):
    """Take an item off a task's checklist."""

    task_id: Id
    item_id: Id


class AddComment(_Command, frozen=True):
    """Comment on a task; `mentions` are members who are told."""

    task_id: Id
    text: CommentText
    comment_id: Id | UnsetType = UNSET
    mentions: tuple[Id, ...] = ()


class EditComment(_Command, frozen=True):
    """Say it otherwise; one's own."""

    task_id: Id
    comment_id: Id
    text: CommentText
    mentions: tuple[Id, ...] = ()


class DeleteComment(_Command, frozen=True):
    """Take a comment away: one's own, or any as an owner."""

    task_id: Id
    comment_id: Id


class SendMessage(_Command, frozen=True):
    """Say something in the project's chat; `mentions` are members who are told."""

    text: MessageText
    message_id: Id | UnsetType = UNSET
    reply_to: Id | None = None
    mentions: tuple[Id, ...] = ()


class EditMessage(_Command, frozen=True):
    """Say it otherwise; one's own."""

    message_id: Id
    text: MessageText
    mentions: tuple[Id, ...] = ()


class DeleteMessage(_Command, frozen=True):
    """Take a message away: one's own, or any as an owner."""

    message_id: Id


class ReactToMessage(_Command, frozen=True):
    """React to a message with an emoji, or take that back."""

    message_id: Id
    emoji: Emoji
    on: bool = True


class Copied(Struct, frozen=True):
    """What a task's copy is made of, with the ids that the copies get."""

    task_id: str
    title: str
    description: str
    priority: str | None
    due_date: str | None
    start_date: str | None
    estimate: float | None
    items: tuple[tuple[str, str, bool], ...]
    """Id, text and whether it is done."""
    status: str
    rank: str
    labels: tuple[str, ...] = ()


class Original(Struct, frozen=True):
    """What a new project is made of, with the ids that the copies get; labels have id, name and colour."""

    columns: tuple[Column, ...]
    labels: tuple[tuple[str, str, str | None], ...]
    tasks: tuple[Copied, ...] = ()


class RemindDue(_Command, frozen=True):
    """Remind a task's assignees that it is due then: the system's own command, which no client can send."""

    task_id: Id
    due_date: Day


Command: TypeAlias = (
    CreateProject
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

_WORD = re.compile(r"(?<!^)(?=[A-Z])")
COMMANDS: dict[str, type[Command]] = {
    _WORD.sub("_", each.__name__).lower(): each for each in get_args(Command) if each is not RemindDue
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
