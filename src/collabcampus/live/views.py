"""What clients are shown of a project, the same over HTTP and sockets, in the wire's shape.

Whatever may be large is JSON in bytes, encoded straight from the state; the rest is plain data.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

import msgspec

from collabcampus.domain import events as e
from collabcampus.domain.project import Project
from collabcampus.domain.things import Comment, Invitation, Item, Label, Member, Message, Task
from collabcampus.live.attempts import Answer, Columns

MESSAGES_SHOWN = 50

Names = Mapping[str, str]
"""People's names by user id: they belong to the accounts and not to the log."""

PRIVATE = ("secretHash", "addressDigest", "notifies")
_encode = msgspec.json.Encoder().encode


def task(shown: Task) -> bytes:
    """A task as JSON, its checklist with it."""
    return _encode(shown)


def invitation(shown: Invitation) -> dict[str, Any]:
    """An invitation without what is secret of it."""
    return {
        "invitationId": shown.invitation_id,
        "role": shown.role,
        "expiresAt": shown.expires_at,
        "maxUses": shown.max_uses,
        "uses": shown.uses,
        "byAddress": shown.address_digest is not None,
        "createdBy": shown.created_by,
        "createdAt": shown.created_at,
    }


def members(project: Project, names: Names) -> list[dict[str, Any]]:
    """The members with their names and roles, in the order they came."""
    return [member(each, names) for each in project.members.values()]


def former(project: Project, names: Names) -> list[dict[str, Any]]:
    """Who was a member, with a name and no role."""
    return [{"userId": each, "name": names.get(each, ""), "role": None} for each in project.former]


def member(shown: Member, names: Names) -> dict[str, Any]:
    """One member."""
    return {"userId": shown.user_id, "name": names.get(shown.user_id, ""), "role": shown.role}


def project(shown: Project, names: Names) -> dict[str, Any]:
    """The project itself, without its tasks."""
    return {
        "projectId": shown.project_id,
        "position": shown.head,
        "name": shown.name,
        "description": shown.description,
        "columns": msgspec.to_builtins(shown.columns),
        "labels": msgspec.to_builtins(list(shown.labels.values())),
        "createdAt": shown.created_at,
        "archived": shown.archived,
        "members": members(shown, names),
    }


def board(shown: Project, names: Names) -> bytes:
    """The whole board as JSON: its tasks column by column, each in its order."""
    known = [column.id for column in shown.columns]
    tasks = b",".join(
        task(shown.tasks[task_id])
        for status in dict.fromkeys([*known, *shown.places])
        for _, task_id in shown.column(status)
    )
    rest = {
        "projectId": shown.project_id,
        "position": shown.head,
        "name": shown.name,
        "columns": shown.columns,
        "labels": list(shown.labels.values()),
        "tasks": msgspec.Raw(b"[" + tasks + b"]"),
        "members": members(shown, names),
    }
    return _encode(rest)


def notification(row: Mapping[str, Any], names: Names, secret: Callable[[str], str]) -> dict[str, Any]:
    """A notification's row for whom it is for: with the actor's name, and what accepting an invitation takes."""
    shown = {key: value for key, value in row.items() if key != "userId"}
    shown["notificationId"] = f"{row['projectId']}:{row['position']}"
    shown["actor"] = {"userId": row["actor"], "name": names.get(row["actor"], "")}
    if row["type"] == "InvitationCreated":
        shown["secret"] = secret(row["key"])
    return shown


def changes(recorded: e.Recorded) -> bytes:
    """An event's own values as JSON: the stored bytes, but of an invitation neither whom it is for nor its secret's
    hash."""
    if not isinstance(recorded.event, e.InvitationCreated):
        return recorded.data
    values = msgspec.to_builtins(recorded.event)
    return _encode({name: value for name, value in values.items() if name not in PRIVATE})


def event(recorded: e.Recorded) -> dict[str, Any]:
    """An event as the history shows it."""
    return {
        "projectId": recorded.project_id,
        "position": recorded.position,
        "type": recorded.type,
        "key": recorded.event.key,
        "data": msgspec.Raw(changes(recorded)),
        "actor": recorded.actor,
        "at": recorded.at,
        "commandId": recorded.command_id,
    }


def latest_messages(shown: Project) -> list[Message]:
    """The last messages of the chat, oldest first."""
    return list(islice(reversed(shown.messages.values()), MESSAGES_SHOWN))[::-1]


def outcome(answer: Answer, names: Names, secret: Callable[[str], str] | None = None) -> bytes:
    """What a command is answered, as JSON: the resource it made or changed, and the position.

    `secret` gives that of an invitation by its id, for whoever made it.
    """
    match answer.subject:
        case Task() | Item() | Comment() | Label() as subject:
            return b'%s,"position":%d}' % (_encode(subject)[:-1], answer.position)
        case Message() as subject:
            return _encode(msgspec.to_builtins(subject) | {"position": answer.position})
        case Invitation() as subject:
            opens = {"secret": secret(subject.invitation_id)} if secret else {}
            return _encode({**invitation(subject), **opens, "position": answer.position})
        case Member() as subject:
            return _encode({**member(subject, names), "position": answer.position})
        case Columns() as subject:
            return _encode({**_column(subject), "columns": subject.columns, "position": answer.position})
        case Project() as subject:
            return _encode(project(subject, names))
        case None:
            return b'{"position":%d}' % answer.position


def _column(shown: Columns) -> dict[str, Any]:
    """The column that a command was about, if it is there."""
    for each in shown.columns:
        if each.id == shown.column_id:
            return {"columnId": each.id, "name": each.name, "color": each.color, "limit": each.limit}
    return {}


def people(answer: Answer) -> Iterable[str]:
    """Whose names an outcome shows."""
    match answer.subject:
        case Member(user_id=user_id):
            return (user_id,)
        case Project(members=shown):
            return shown
        case _:
            return ()
