"""What clients are told, as Structs: the payloads of frames, and what each command is answered.

They describe and are never built: frames are encoded straight from the log's bytes. A test holds every frame and
every answer of a running server against them.
"""

from functools import cache
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain import things
from collabcampus.domain.types import Id, Role
from collabcampus.live import views
from collabcampus.sockets.frames import of_event

Moment = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$(?!\n)", description="RFC 3339, UTC, milliseconds",
        extra_json_schema={"format": "date-time"},
    ),
]  # fmt: skip
Position = Annotated[int, Meta(ge=0, description="Of an event in its project; the cursor that clients hold")]
Code = Annotated[str, Meta(pattern=r"^[a-z]+(_[a-z]+)*$")]
Yes = Annotated[bool, Meta(extra_json_schema={"const": True})]
No = Annotated[bool, Meta(extra_json_schema={"const": False})]


class _Told(Struct, frozen=True, rename="camel"):
    pass


class User(_Told, frozen=True):
    """Who is connected."""

    id: Id
    name: str


class Welcome(_Told, frozen=True):
    """The first event of every connection."""

    message: Annotated[str, Meta(extra_json_schema={"const": "Connected!"})]
    user: User


class Person(_Told, frozen=True):
    """A member of a project."""

    user_id: Id
    name: str
    role: Role


class Board(_Told, frozen=True):
    """The board at a position, its tasks column by column, each in its order."""

    project_id: Id
    position: Position
    name: str
    columns: tuple[e.Column, ...]
    labels: tuple[things.Label, ...]
    tasks: tuple[things.Task, ...]
    members: tuple[Person, ...]


class ProjectJoined(_Told, frozen=True):
    """A project's room was entered: this is what there is."""

    project_id: Id
    members: tuple[Person, ...]
    position: Position
    board: Board
    messages: tuple[things.Message, ...]
    online: tuple[Id, ...]


class ProjectResumed(_Told, frozen=True):
    """A project's room was entered with a position: this is what happened since.

    `events` are the payloads of the frames that were missed, in order, each with `event`, the name of its frame.
    """

    project_id: Id
    members: tuple[Person, ...]
    position: Position
    events: tuple[dict[str, Any], ...]
    online: tuple[Id, ...]


class ProjectPast(_Told, frozen=True):
    """A project as it was, for who asked with `at`: no room was entered, and no frames follow.

    `at` is when the last of its events was written: neither of the other two has it.
    """

    project_id: Id
    members: tuple[Person, ...]
    position: Position
    at: Moment
    board: Board
    messages: tuple[things.Message, ...]


class Presence(_Told, frozen=True):
    """Somebody came, or went: the first of a person's sockets, or the last."""

    project_id: Id
    user_id: Id
    name: str
    online: tuple[Id, ...]


class Crowd(_Told, frozen=True):
    """Who came and who went since the last one, in rooms of more than a hundred people."""

    project_id: Id
    joined: tuple[Id, ...]
    left: tuple[Id, ...]
    online: tuple[Id, ...]


class SomebodyTypes(_Told, frozen=True):
    """Somebody else is typing: in the chat, or in a task."""

    project_id: Id
    user_id: Id
    task_id: Id | UnsetType = UNSET


class Head(_Told, frozen=True):
    """Where a project is, from time to time: whoever holds less has missed something."""

    project_id: Id
    position: Position


class Actor(_Told, frozen=True):
    """Who did it."""

    user_id: Id
    name: str


class Notification(_Told, frozen=True):
    """Something concerns this person, in whichever project; `GET /api/me/notifications` has it too.

    `invitationId`, `role`, `expiresAt` and `secret` come with an invitation: what accepting it takes.
    """

    notification_id: str
    project_id: Id
    project_name: str
    position: Position
    type: str
    kind: Literal["mentioned", "assigned", "invited", "due"]
    key: str
    actor: Actor
    at: Moment
    read: bool
    title: str | None
    text: str | None
    task_id: Id | UnsetType = UNSET
    invitation_id: Id | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    expires_at: str | UnsetType | None = UNSET
    secret: str | UnsetType = UNSET


class ProjectLeft(_Told, frozen=True):
    """The room was left; nothing of it follows."""

    project_id: Id
    reason: Literal["left", "removed", "archived"]


class Error(_Told, frozen=True):
    """Why something was declined. Clients go by `code`; some codes have details beside them."""

    code: Code
    message: str
    retry_after: float | UnsetType = UNSET


class CommandRejected(_Told, frozen=True):
    """What was sent without asking for an acknowledgement was declined."""

    event: str
    error: Error
    command_id: Id | UnsetType = UNSET


class Reason(_Told, frozen=True):
    """Why a connection was refused, for programs."""

    code: Code
    retry_after: float | UnsetType = UNSET


class ConnectError(_Told, frozen=True):
    """Why a connection was refused. Not an event: the client library's `connect_error`."""

    message: str
    data: Reason


class Resync(_Told, frozen=True):
    """Join again from what one has: not all since this position was told, or words were taken out up to it."""

    project_id: Id
    position: Position


class Refusal(_Told, frozen=True):
    """It was declined, and nothing happened."""

    ok: No
    error: Error


class Done(_Told, frozen=True):
    """It is done."""

    ok: Yes


class Accepted(_Told, frozen=True):
    """It is done; the project was at this position right after it."""

    ok: Yes
    position: Position


class AboutMember(Accepted, frozen=True):
    """The member, as it is after the command."""

    user_id: Id
    name: str
    role: Role


class AboutColumn(Accepted, frozen=True):
    """The column that the command was about, and all columns as they are after it."""

    column_id: str
    name: str
    color: str | None
    limit: int | None
    columns: tuple[e.Column, ...]


class AboutColumns(Accepted, frozen=True):
    """The columns that are left."""

    columns: tuple[e.Column, ...]


class AboutInvitation(Accepted, frozen=True):
    """The invitation; whoever has its secret may join."""

    invitation_id: Id
    role: Role
    expires_at: str | None
    max_uses: int | None
    uses: int
    by_address: bool
    created_by: Id
    created_at: Moment
    secret: str


class AboutProject(Accepted, frozen=True):
    """The project without its tasks."""

    project_id: Id
    name: str
    description: str
    columns: tuple[e.Column, ...]
    labels: tuple[things.Label, ...]
    created_at: Moment
    archived: bool
    members: tuple[Person, ...]


Answer: TypeAlias = type[Struct]


def _about(thing: type[Struct]) -> Answer:
    """The acknowledgement that has a thing's own fields beside `ok` and `position`."""
    own = [each for each in msgspec.structs.fields(thing) if each.name != "position"]
    fields = [(each.name, each.type) for each in own]
    name, says = f"About{thing.__name__}", f"The {thing.__name__.lower()}, as it is after the command."
    bases = (Accepted,)
    return msgspec.defstruct(name, fields, bases=bases, frozen=True, rename="camel", namespace={"__doc__": says})


def answer_to(kind: type[c.Command]) -> Answer:
    """What a command is acknowledged with when it is accepted."""
    return next((answer for kinds, answer in _ANSWERS if kind in kinds), Accepted)


_ANSWERS: tuple[tuple[tuple[type[c.Command], ...], Answer], ...] = (
    (
        (c.CreateTask, c.CopyTask, c.EditTask, c.MoveTask, c.AssignTask, c.ArchiveTask, c.RestoreTask),
        _about(things.Task),
    ),
    ((c.AddChecklistItem, c.EditChecklistItem), _about(things.Item)),
    ((c.AddComment, c.EditComment), _about(things.Comment)),
    ((c.SendMessage, c.EditMessage, c.ReactToMessage), _about(things.Message)),
    ((c.CreateLabel, c.EditLabel), _about(things.Label)),
    ((c.CreateInvitation,), AboutInvitation),
    ((c.AddMember, c.ChangeMember, c.TransferOwnership), AboutMember),
    ((c.AddColumn, c.EditColumn, c.MoveColumn), AboutColumn),
    ((c.RemoveColumn,), AboutColumns),
    ((c.CreateProject, c.ForkProject, c.EditProject, c.RestoreProject, c.AcceptInvitation), AboutProject),
)


@cache
def frames_of_events() -> dict[str, list[Answer]]:
    """The frames of a project's log: for each name the payloads it may have, one for each type of event."""
    named: dict[str, list[Answer]] = {}
    for kind in e.EVENT_TYPES.values():
        name, payload = _frame(kind)
        named.setdefault(name, []).append(payload)
    return named


def _frame(kind: type[e.Event]) -> tuple[str, Answer]:
    """The name and shape of an event's frame, asked of the code that makes it with an event of no content."""
    blank: Any = {each.name: "" for each in msgspec.structs.fields(kind) if each.required}
    name, text = of_event(e.record("", 0, "", "", "", [kind(**blank)])[0])
    fields = [
        (key, _changes(kind) if key == "changes" else _ENVELOPE.get(key, str)) for key in msgspec.json.decode(text)
    ]
    typed = [(key, Literal[kind.__name__] if key == "type" else shape) for key, shape in fields]
    namespace = {"__doc__": kind.__doc__}
    return name, msgspec.defstruct(f"{kind.__name__}Frame", typed, frozen=True, namespace=namespace)


_ENVELOPE: dict[str, Any] = {
    "projectId": Id, "position": Position, "taskId": Id, "messageId": Id, "userId": Id, "invitationId": Id,
    "author": Id, "actor": Id, "at": Moment, "commandId": Id,
}  # fmt: skip


def _changes(kind: type[e.Event]) -> Any:
    """What of an event clients see."""
    if kind is not e.InvitationCreated:
        return kind
    seen = [each for each in msgspec.structs.fields(kind) if each.encode_name not in views.PRIVATE]
    fields: list[Any] = [(each.name, each.type, *([] if each.required else [each.default])) for each in seen]
    namespace = {"__doc__": "Whoever has the secret may join."}
    return msgspec.defstruct("InvitationShown", fields, frozen=True, rename="camel", namespace=namespace)
