"""What clients are shown of a project, the same over HTTP and sockets: plain data in the wire's shape."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain.project import Message, Project, Task

MESSAGES_SHOWN = 50

Names = Mapping[str, str]
"""People's names by user id: they belong to the accounts and not to the log."""


def task(shown: Task) -> dict[str, Any]:
    """A task. Its checklist and comments are things of their own."""
    view: dict[str, Any] = msgspec.to_builtins(shown)
    view["checklist"] = []
    view["commentCount"] = 0
    return view


def message(shown: Message) -> dict[str, Any]:
    """A chat message."""
    view: dict[str, Any] = msgspec.to_builtins(shown)
    return view


def members(project: Project, names: Names) -> list[dict[str, Any]]:
    """The members with their names and roles, in the order they came."""
    return [
        {"userId": each.user_id, "name": names.get(each.user_id, ""), "role": each.role}
        for each in project.members.values()
    ]


def tasks(project: Project) -> list[dict[str, Any]]:
    """All tasks: column by column, each in its order."""
    known = [column.id for column in project.columns]
    return [
        task(project.tasks[task_id])
        for status in dict.fromkeys([*known, *project.places])
        for _, task_id in project.column(status)
    ]


def project(shown: Project, names: Names) -> dict[str, Any]:
    """The project itself, without its tasks."""
    return {
        "projectId": shown.project_id,
        "position": shown.head,
        "name": shown.name,
        "description": shown.description,
        "columns": msgspec.to_builtins(shown.columns),
        "createdAt": shown.created_at,
        "members": members(shown, names),
    }


def board(shown: Project, names: Names) -> dict[str, Any]:
    """The whole board."""
    return {
        "projectId": shown.project_id,
        "position": shown.head,
        "name": shown.name,
        "columns": msgspec.to_builtins(shown.columns),
        "labels": [],
        "tasks": tasks(shown),
        "members": members(shown, names),
    }


def latest_messages(shown: Project) -> list[dict[str, Any]]:
    """The last messages of the chat, oldest first."""
    return [message(each) for each in list(shown.messages.values())[-MESSAGES_SHOWN:]]


def outcome(command: c.Command, after: Project, keys: Iterable[str], names: Names) -> dict[str, Any]:
    """What a command is answered: the resource it made or changed, and the position.

    `after` is the project right after the command, `keys` those of the command's own events.
    """
    match command:
        case c.CreateProject() | c.EditProject():
            view = project(after, names)
        case c.CreateTask():
            view = task(after.tasks[next(iter(keys))])
        case c.SendMessage():
            view = message(after.messages[next(iter(keys))])
        case c.EditTask() | c.MoveTask() | c.AssignTask():
            view = task(_still_there(after, command.task_id))
        case c.AddMember(user_id=str(user_id)) | c.ChangeMember(user_id=user_id):
            view = next(each for each in members(after, names) if each["userId"] == user_id)
        case _:
            view = {}
    return {**view, "position": after.head}


def _still_there(after: Project, task_id: str) -> Task:
    if task_id not in after.tasks:
        raise errors.TaskNotFound
    return after.tasks[task_id]
