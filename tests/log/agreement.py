"""What it means that Python's fold, the view over the log and the kept table agree."""

from collections.abc import Iterable
from typing import Any

import msgspec

from collabcampus.domain import events as e
from collabcampus.domain.commands import camel
from collabcampus.domain.project import Project
from collabcampus.domain.things import Comment, Message, Task
from collabcampus.log import read
from collabcampus.log.database import Database

Rows = dict[str, Any]


def rows_of(project: Project, history: Iterable[e.Recorded]) -> dict[str, Rows]:
    """What each kept projection should hold of a project, by key, made from the fold and, where it is one of events,
    from the history."""
    own = {
        "projectId": project.project_id,
        "name": project.name,
        "description": project.description,
        "columns": project.columns,
        "createdAt": project.created_at,
        "archived": project.archived,
    }
    views: dict[str, Any] = {
        "assignment": {key: _assignment(task) for key, task in project.tasks.items()},
        "board": {key: _without(task, "checklist") for key, task in project.tasks.items()},
        "chat": project.messages,
        "checklist": {item.item_id: item for task in project.tasks.values() for item in task.checklist},
        "comment": project.comments,
        "invitation": {
            key: _without(each, "secret_hash", "address_digest") for key, each in project.invitations.items()
        },
        "label": project.labels,
        "membership": project.members,
        "notification": dict(row for each in history for row in _notifications(each)),
        "project": {project.project_id: own} if project.head else {},
        "search": {
            key: _words(each)
            for things in (project.tasks, project.comments, project.messages)
            for key, each in things.items()
        },
    }
    as_json: dict[str, Rows] = msgspec.json.decode(msgspec.json.encode(views))
    return as_json


def _without(thing: msgspec.Struct, *fields: str) -> Rows:
    shown: Rows = msgspec.to_builtins(thing)
    for each in fields:
        del shown[camel(each)]
    return shown


def _assignment(task: Task) -> Rows:
    return {
        "assignees": task.assignees, "dueDate": task.due_date, "archived": task.archived, "reminded": task.reminded,
    }  # fmt: skip


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


KINDS = {
    e.MemberAdded: "invited",
    e.InvitationCreated: "invited",
    e.TaskCreated: "assigned",
    e.TaskAssigned: "assigned",
    e.DueReminded: "due",
}


def _notifications(recorded: e.Recorded) -> Iterable[tuple[str, Rows]]:
    event = recorded.event
    people = getattr(event, "notifies", None) or ()
    for person in people:
        row = {
            "userId": person,
            "position": recorded.position,
            "type": recorded.type,
            "key": event.key,
            "actor": recorded.actor,
            "at": recorded.at,
            "kind": KINDS.get(type(event), "mentioned"),
        }
        about = {"taskId": event.task_id} if hasattr(event, "task_id") else {}
        yield f"{recorded.position}:{person}", row | about


async def disagreements(database: Database, project: Project) -> list[str]:
    """What differs between the fold, the views and the tables; empty where all agree."""
    found = []
    history = [each async for each in read.history(database, project.project_id)]
    for name, expected in rows_of(project, history).items():
        select = "SELECT key, position, since, row FROM {} WHERE project_id = %s ORDER BY key"
        table = await database.fetch(select.format(name), project.project_id)
        view = await database.fetch(select.format(f"{name}_from_log"), project.project_id)
        if table != view:
            found.append(f"{name}: table {table} but view {view}")
        if {key: row for key, _, _, row in table} != expected:
            found.append(f"{name}: table {table} but fold {expected}")
    return found
