"""Which call over HTTP is which command."""

from string import Formatter
from urllib.parse import quote

import httpx

from collabcampus.domain import commands as c
from running import Person
from world import SAMPLES, World

Route = tuple[str, str]

ROUTES: dict[type[c.Command], Route] = {
    c.CreateProject: ("POST", ""),
    c.ForkProject: ("POST", "/{forkOf}/forks"),
    c.EditProject: ("PATCH", "/{project}"),
    c.ArchiveProject: ("DELETE", "/{project}"),
    c.RestoreProject: ("POST", "/{project}/restore"),
    c.AddColumn: ("POST", "/{project}/columns"),
    c.EditColumn: ("PATCH", "/{project}/columns/{columnId}"),
    c.RemoveColumn: ("DELETE", "/{project}/columns/{columnId}"),
    c.CreateLabel: ("POST", "/{project}/labels"),
    c.EditLabel: ("PATCH", "/{project}/labels/{labelId}"),
    c.DeleteLabel: ("DELETE", "/{project}/labels/{labelId}"),
    c.AddMember: ("POST", "/{project}/members"),
    c.ChangeMember: ("PATCH", "/{project}/members/{userId}"),
    c.RemoveMember: ("DELETE", "/{project}/members/{userId}"),
    c.TransferOwnership: ("POST", "/{project}/members/{userId}/ownership"),
    c.CreateInvitation: ("POST", "/{project}/invitations"),
    c.RevokeInvitation: ("DELETE", "/{project}/invitations/{invitationId}"),
    c.AcceptInvitation: ("POST", "/{project}/invitations/{invitationId}/accept"),
    c.CreateTask: ("POST", "/{project}/tasks"),
    c.MoveTasks: ("POST", "/{project}/tasks/move"),
    c.EditTasks: ("PATCH", "/{project}/tasks"),
    c.CopyTask: ("POST", "/{project}/tasks/copy"),
    c.EditTask: ("PATCH", "/{taskId}"),
    c.MoveTask: ("PUT", "/{taskId}"),
    c.ArchiveTask: ("POST", "/{taskId}/archive"),
    c.RestoreTask: ("POST", "/{taskId}/restore"),
    c.DeleteTask: ("DELETE", "/{taskId}"),
    c.AddChecklistItem: ("POST", "/{taskId}/checklist"),
    c.EditChecklistItem: ("PATCH", "/{taskId}/checklist/{itemId}"),
    c.RemoveChecklistItem: ("DELETE", "/{taskId}/checklist/{itemId}"),
    c.AddComment: ("POST", "/{taskId}/comments"),
    c.EditComment: ("PATCH", "/{taskId}/comments/{commentId}"),
    c.DeleteComment: ("DELETE", "/{taskId}/comments/{commentId}"),
    c.SendMessage: ("POST", "/{project}/messages"),
    c.EditMessage: ("PATCH", "/{project}/messages/{messageId}"),
    c.DeleteMessage: ("DELETE", "/{project}/messages/{messageId}"),
    c.Undo: ("POST", "/{project}/undo"),
    c.Redo: ("POST", "/{project}/redo"),
    c.ReactToMessage: ("PUT", "/{project}/messages/{messageId}/reactions/{emoji}"),
}
"""Method and path; beneath `/api/tasks` where it begins with a task, beneath `/api/projects` otherwise."""
BY_ANOTHER_NAME = (c.MoveColumn, c.AssignTask)
"""Commands whose calls are edits over HTTP."""
WITHOUT_BODY = (
    *(kind for kind, (method, _) in ROUTES.items() if method == "DELETE"),
    *(c.RestoreProject, c.TransferOwnership, c.ArchiveTask, c.RestoreTask, c.ReactToMessage),
)


def route_of(kind: type[c.Command]) -> str:
    """The whole path of a command's call."""
    _, path = ROUTES[kind]
    return ("/api/tasks" if path.startswith("/{taskId}") else "/api/projects") + path


def call(
    person: Person,
    kind: type[c.Command],
    world: World,
    *,
    headers: dict[str, str] | None = None,
    url: str = "",
    **more: object,
) -> httpx.Response:
    """What somebody is answered who sends the command's sample, and `more`, at this node or at another's `url`."""
    method, path = ROUTES[kind][0], route_of(kind)
    sample = {**SAMPLES[kind](world, person), **more}
    values = {name: sample.pop(name, world.project) for _, name, _, _ in Formatter().parse(path) if name}
    address = url + path.format(**{name: quote(value, safe="") for name, value in values.items()})
    if method == "DELETE":
        return person.http.request(method, address, params=sample, headers=headers)
    return person.http.request(method, address, json=sample or None, headers=headers)
