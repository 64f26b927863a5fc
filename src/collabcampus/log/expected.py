"""What each kept read model shall hold of a project, by Python's fold: what the audit holds against the tables.

A read model that has no line here is compared with its view alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from collabcampus.domain import events as e
from collabcampus.domain.commands import camel
from collabcampus.domain.project import Project
from collabcampus.domain.things import Comment, Message, Task

Rows = dict[str, Any]
"""By key, as JSON has them."""


def as_json(rows: Any) -> Any:
    """The same as it is after a way through JSON."""
    return msgspec.json.decode(msgspec.json.encode(rows))


def _without(thing: Struct, *fields: str) -> Rows:
    shown: Rows = msgspec.to_builtins(thing)
    for each in fields:
        del shown[camel(each)]
    return shown


def _own(project: Project) -> Rows:
    return {
        "projectId": project.project_id,
        "name": project.name,
        "description": project.description,
        "columns": project.columns,
        "createdAt": project.created_at,
        "archived": project.archived,
    }


def _assignment(task: Task) -> Rows:
    return {
        "assignees": task.assignees, "dueDate": task.due_date, "archived": task.archived, "reminded": task.reminded,
    }  # fmt: skip


def _invitations(project: Project) -> Rows:
    return {key: _without(each, "secret_hash", "address_digest") for key, each in project.invitations.items()}


def _search(project: Project) -> Rows:
    things: Iterable[Mapping[str, Task | Comment | Message]] = (project.tasks, project.comments, project.messages)
    return {key: _words(each) for kind in things for key, each in kind.items()}


def _words(thing: Task | Comment | Message) -> Rows:
    match thing:
        case Task():
            about = {"title": thing.title, "description": thing.description}
            return {"kind": "task", "taskId": thing.task_id, **about, "at": thing.created_at}
        case Comment():
            said = {"text": thing.text, "author": thing.author, "at": thing.at}
            return {"kind": "comment", "taskId": thing.task_id, **said}
        case Message():
            return {"kind": "message", "text": thing.text, "author": thing.author, "at": thing.at}


OF_THE_STATE: dict[str, Callable[[Project], Rows]] = {
    "assignment": lambda project: {key: _assignment(task) for key, task in project.tasks.items()},
    "board": lambda project: {key: _without(task, "checklist") for key, task in project.tasks.items()},
    "chat": lambda project: dict(project.messages),
    "checklist": lambda project: {item.item_id: item for task in project.tasks.values() for item in task.checklist},
    "comment": lambda project: dict(project.comments),
    "invitation": _invitations,
    "label": lambda project: dict(project.labels),
    "membership": lambda project: dict(project.members),
    "project": lambda project: {project.project_id: _own(project)} if project.created_at else {},
    "search": _search,
}
"""Those that follow from a project's state; to be read `as_json`."""

_KINDS: dict[type[e.Event], str] = {
    e.MemberAdded: "invited",
    e.InvitationCreated: "invited",
    e.TaskCreated: "assigned",
    e.TaskAssigned: "assigned",
    e.DueReminded: "due",
}


def _notifications(recorded: e.Recorded) -> Iterator[tuple[str, Rows]]:
    event = recorded.event
    for person in getattr(event, "notifies", None) or ():
        row = {
            "userId": person,
            "position": recorded.position,
            "type": recorded.type,
            "key": event.key,
            "actor": recorded.actor,
            "at": recorded.at,
            "kind": _KINDS.get(type(event), "mentioned"),
        }
        about = {"taskId": event.task_id} if hasattr(event, "task_id") else {}
        yield f"{recorded.position}:{person}", row | about


OF_EACH_EVENT: dict[str, Callable[[e.Recorded], Iterable[tuple[str, Rows]]]] = {"notification": _notifications}
"""Those with rows for each event, which stay as they are."""


def rows_of(project: Project, history: Iterable[e.Recorded]) -> dict[str, Rows]:
    """Everything that is kept of a project with this state and this history."""
    past = list(history)
    rows: dict[str, Rows] = {name: made(project) for name, made in OF_THE_STATE.items()}
    rows |= {name: dict(row for each in past for row in made(each)) for name, made in OF_EACH_EVENT.items()}
    whole: dict[str, Rows] = as_json(rows)
    return whole
