"""`decide(command, project, actor) -> events`: what a command makes of a project, or why it is refused.

Nothing to change is `[]` and not an error, so a command repeated decides nothing.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from typing import assert_never

from msgspec import UNSET, UnsetType

from collabcampus.domain import commands as c
from collabcampus.domain import errors, limits, permissions, ranks
from collabcampus.domain import events as e
from collabcampus.domain.project import Actor, Project, Task
from collabcampus.domain.types import Role

DEFAULT_COLUMNS = (
    e.Column("todo", "To do"),
    e.Column("in-progress", "In progress"),
    e.Column("done", "Done"),
)

_NOT_SLUG = re.compile(r"[^a-z0-9]+")


def decide(command: c.Command, project: Project, actor: Actor) -> list[e.Event]:
    """The events `command` brings about, none where nothing changes.

    Raises a Refused that says why not.
    """
    if isinstance(command, c.CreateProject):
        return _create_project(command, project, actor)
    _authorise(command, project, actor)
    match command:
        case c.MoveTask():
            return _move(project, _task(project, command.task_id), command.status, command.before, command.after)
        case c.EditTask():
            return _edit_task(command, project)
        case c.CreateTask():
            return _create_task(command, project)
        case c.AssignTask():
            return _assign(project, _task(project, command.task_id), command.assignees)
        case c.DeleteTask():
            return _delete_task(command, project)
        case c.SendMessage():
            return _send_message(command, project)
        case c.EditProject():
            return _edit_project(command, project)
        case c.AddMember():
            return _add_member(command, project, actor)
        case c.ChangeMember():
            return _change_member(command, project)
        case c.RemoveMember():
            return _remove_member(command, project)
        case _:
            assert_never(command)


def require_member(project: Project, actor: Actor) -> Role:
    """The actor's role; ProjectNotFound, the same as for no project at all, for everybody else."""
    role = project.role_of(actor.user_id)
    if role is None:
        raise errors.ProjectNotFound
    return role


def _authorise(command: c.Command, project: Project, actor: Actor) -> None:
    role = require_member(project, actor)
    leaving = isinstance(command, c.RemoveMember) and command.user_id == actor.user_id
    least = permissions.LEAST_ROLE[type(command)]
    if not leaving and not permissions.at_least(role, least):
        raise errors.RoleTooLow(role=role, least=least)


def _create_project(command: c.CreateProject, project: Project, actor: Actor) -> list[e.Event]:
    if project.head:
        raise errors.IdTaken(projectId=project.project_id)
    columns = DEFAULT_COLUMNS if command.columns is UNSET else tuple(map(_column, command.columns))
    _within("columns", len(columns), limits.COLUMNS_PER_PROJECT)
    ids = [column.id for column in columns]
    if len(set(ids)) < len(ids):
        raise errors.DuplicateColumn(ids=sorted({each for each in ids if ids.count(each) > 1}))
    return [
        e.ProjectCreated(project.project_id, command.name, command.description, columns),
        e.MemberAdded(actor.user_id, "owner"),
    ]


def _column(given: str | c.NewColumn) -> e.Column:
    if isinstance(given, str):
        return e.Column(_slug(given), given)
    return e.Column(_slug(given.name) if given.id is UNSET else given.id, given.name)


def _slug(name: str) -> str:
    slug = _NOT_SLUG.sub("-", name.lower())[: limits.COLUMN_ID_LENGTH].strip("-")
    return slug or "column"


def _edit_project(command: c.EditProject, project: Project) -> list[e.Event]:
    name = _unless_same(command.name, project.name)
    description = _unless_same(command.description, project.description)
    if name is UNSET and description is UNSET:
        return []
    return [e.ProjectEdited(project.project_id, name, description)]


def _add_member(command: c.AddMember, project: Project, actor: Actor) -> list[e.Event]:
    if command.user_id is UNSET:
        raise errors.UserNotFound
    now = project.role_of(command.user_id)
    if now == command.role:
        return []
    if now:
        raise errors.AlreadyMember(role=now)
    _not_above(project.members[actor.user_id].role, command.role)
    _within("members", len(project.members) + 1, limits.MEMBERS_PER_PROJECT)
    return [e.MemberAdded(command.user_id, command.role)]


def _change_member(command: c.ChangeMember, project: Project) -> list[e.Event]:
    now = project.role_of(command.user_id)
    if now is None:
        raise errors.MemberNotFound
    if now == command.role:
        return []
    _keep_an_owner(project, command.user_id)
    return [e.MemberRoleChanged(command.user_id, command.role)]


def _remove_member(command: c.RemoveMember, project: Project) -> list[e.Event]:
    if command.user_id not in project.members:
        return []
    _keep_an_owner(project, command.user_id)
    return [e.MemberRemoved(command.user_id)]


def _not_above(own: Role, granted: Role) -> None:
    if not permissions.at_least(own, granted):
        raise errors.RoleAboveYourOwn(role=own)


def _keep_an_owner(project: Project, leaver: str) -> None:
    owners = [each.user_id for each in project.members.values() if each.role == "owner"]
    if owners == [leaver]:
        raise errors.LastOwner


def _create_task(command: c.CreateTask, project: Project) -> list[e.Event]:
    task_id = command.task_id
    assert task_id is not UNSET, "a creation brings its id, or was given one at the door"
    if task_id in project.tasks or task_id in project.spent:
        raise errors.IdTaken(taskId=task_id)
    _within("tasks", len(project.tasks) + 1, limits.TASKS_PER_PROJECT)
    status = command.status
    if status is UNSET:
        if not project.columns:
            raise errors.ColumnNotFound
        status = project.columns[0].id
    _known_column(project, status)
    column = project.column(status)
    named = command.before is not UNSET or command.after is not UNSET
    rank = _rank(column, command.before, command.after, project) if named else None
    rank = rank or ranks.last(column)
    assignees = _people(project, command.assignees)
    return [e.TaskCreated(task_id, command.title, command.description, status, rank, assignees)]


def _edit_task(command: c.EditTask, project: Project) -> list[e.Event]:
    task = _task(project, command.task_id)
    decided: list[e.Event] = []
    title = _unless_same(command.title, task.title)
    description = _unless_same(command.description, task.description)
    if title is not UNSET or description is not UNSET:
        decided.append(e.TaskEdited(task.task_id, title, description))
    if command.assignees is not UNSET:
        decided += _assign(project, task, command.assignees)
    status = task.status if command.status is UNSET else command.status
    return decided + _move(project, task, status, command.before, command.after)


def _delete_task(command: c.DeleteTask, project: Project) -> list[e.Event]:
    if command.task_id in project.spent:
        return []
    return [e.TaskDeleted(_task(project, command.task_id).task_id)]


def _assign(project: Project, task: Task, people: Iterable[str]) -> list[e.Event]:
    assignees = _people(project, people, already=task.assignees)
    return [] if assignees == task.assignees else [e.TaskAssigned(task.task_id, assignees)]


def _people(project: Project, given: Iterable[str], already: tuple[str, ...] = ()) -> tuple[str, ...]:
    people = tuple(dict.fromkeys(given))
    _within("assignees", len(people), limits.ASSIGNEES_PER_TASK)
    strangers = [each for each in people if each not in project.members and each not in already]
    if strangers:
        raise errors.NotAMember(userIds=strangers)
    return people


def _move(
    project: Project, task: Task, status: str, before: str | UnsetType, after: str | UnsetType
) -> list[e.Event]:
    if task.task_id in {before, after}:
        raise errors.Contradiction
    _known_column(project, status)
    stays = status == task.status
    if before is UNSET and after is UNSET:
        if stays:
            return []
        return [e.TaskMoved(task.task_id, status, ranks.last(project.column(status)))]
    own = (task.rank, task.task_id) if stays else None
    rank = _rank(project.column(status), before, after, project, own)
    return [] if rank is None else [e.TaskMoved(task.task_id, status, rank)]


def _rank(
    column: list[ranks.Place],
    before: str | UnsetType,
    after: str | UnsetType,
    project: Project,
    own: ranks.Place | None = None,
) -> str | None:
    return ranks.beside(column, _neighbour(column, before, project), _neighbour(column, after, project), own)


def _neighbour(column: list[ranks.Place], task_id: str | UnsetType, project: Project) -> ranks.Place | None:
    if task_id is UNSET:
        return None
    task = project.tasks.get(task_id)
    place = (task.rank, task.task_id) if task else ("", "")
    index = bisect_left(column, place)
    if task is None or index == len(column) or column[index] != place:
        raise errors.NeighbourNotFound(taskId=task_id)
    return place


def _send_message(command: c.SendMessage, project: Project) -> list[e.Event]:
    message_id = command.message_id
    assert message_id is not UNSET, "a creation brings its id, or was given one at the door"
    if message_id in project.messages:
        raise errors.IdTaken(messageId=message_id)
    return [e.MessageSent(message_id, command.text)]


def _task(project: Project, task_id: str) -> Task:
    task = project.tasks.get(task_id)
    if task is None:
        raise errors.TaskNotFound
    return task


def _known_column(project: Project, status: str) -> None:
    for column in project.columns:
        if column.id == status:
            return
    raise errors.ColumnNotFound(column=status)


def _within(name: str, count: int, limit: int) -> None:
    if count > limit:
        raise errors.LimitReached(limit=name, most=limit)


def _unless_same(asked: str | UnsetType, now: str) -> str | UnsetType:
    return UNSET if asked == now else asked
