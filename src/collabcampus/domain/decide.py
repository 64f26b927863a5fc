"""`decide(command, project, actor, at) -> events`: what a command makes of a project, or why it is refused.

Nothing to change is `[]` and not an error, so a command repeated decides nothing.
"""

from typing import assert_never

from collabcampus.domain import commands as c
from collabcampus.domain import errors, permissions
from collabcampus.domain import events as e
from collabcampus.domain.decisions import (
    chat,
    checklists,
    columns,
    comments,
    labels,
    members,
    projects,
    tasks,
    undoing,
)
from collabcampus.domain.project import Actor, Project
from collabcampus.domain.types import Role


def decide(command: c.Command, project: Project, actor: Actor, at: str = "") -> list[e.Event]:  # noqa: C901 - a case a command
    """The events `command` brings about, none where nothing changes; `at` is the moment, RFC 3339.

    Raises a Refused that says why not.
    """
    match command:
        case c.CreateProject():
            return projects.create(command, project, actor)
        case c.ForkProject():
            return projects.fork(command, project, actor)
        case c.AcceptInvitation():
            return members.accept(command, project, actor, at)
        case c.RemindDue():
            return tasks.remind(command, project)
        case c.FollowGroups():
            return members.follow(command, project, actor)
        case c.AppointOwner():
            return members.appoint(command, project, actor)
        case _:
            _authorise(command, project, actor)
    match command:
        case c.MoveTask():
            return tasks.move(command, project)
        case c.EditTask():
            return tasks.edit(command, project, actor)
        case c.CreateTask():
            return tasks.create(command, project, actor)
        case c.AssignTask():
            return tasks.reassign(command, project, actor)
        case c.DeleteTask():
            return tasks.delete(command, project)
        case c.ArchiveTask():
            return tasks.archive(command, project)
        case c.RestoreTask():
            return tasks.restore(command, project)
        case c.MoveTasks():
            return tasks.move_many(command, project)
        case c.EditTasks():
            return tasks.edit_many(command, project, actor)
        case c.CopyTask():
            return tasks.copy(command, project)
        case c.AddChecklistItem():
            return checklists.add(command, project)
        case c.EditChecklistItem():
            return checklists.edit(command, project)
        case c.RemoveChecklistItem():
            return checklists.remove(command, project)
        case c.AddComment():
            return comments.add(command, project, actor)
        case c.EditComment():
            return comments.edit(command, project, actor)
        case c.DeleteComment():
            return comments.delete(command, project, actor)
        case c.Undo() | c.Redo():
            return undoing.undo(command, project, actor)
        case c.SendMessage() | c.EditMessage() | c.DeleteMessage() | c.ReactToMessage():
            return _talk(command, project, actor)
        case _:
            return _administer(command, project, actor, at)


def _talk(
    command: c.SendMessage | c.EditMessage | c.DeleteMessage | c.ReactToMessage, project: Project, actor: Actor
) -> list[e.Event]:
    match command:
        case c.SendMessage():
            return chat.send(command, project, actor)
        case c.EditMessage():
            return chat.edit(command, project, actor)
        case c.DeleteMessage():
            return chat.delete(command, project, actor)
        case c.ReactToMessage():
            return chat.react(command, project, actor)
        case _:
            assert_never(command)


def _administer(  # noqa: C901 - a case a command
    command: c.Administrative, project: Project, actor: Actor, at: str
) -> list[e.Event]:
    match command:
        case c.EditProject():
            return projects.edit(command, project)
        case c.ArchiveProject():
            return projects.archive(project)
        case c.RestoreProject():
            return projects.restore(project)
        case c.AddColumn():
            return columns.add(command, project)
        case c.EditColumn():
            return columns.edit(command, project)
        case c.MoveColumn():
            return columns.move(command, project)
        case c.RemoveColumn():
            return columns.remove(command, project)
        case c.CreateLabel():
            return labels.create(command, project)
        case c.EditLabel():
            return labels.edit(command, project)
        case c.DeleteLabel():
            return labels.delete(command, project)
        case c.AddMember():
            return members.add(command, project, actor)
        case c.ChangeMember():
            return members.change(command, project)
        case c.RemoveMember():
            return members.remove(command, project)
        case c.TransferOwnership():
            return members.transfer(command, project, actor)
        case c.CreateInvitation():
            return members.invite(command, project, actor, at)
        case c.RevokeInvitation():
            return members.revoke(command, project)
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
    if project.archived and not isinstance(command, permissions.WHEN_ARCHIVED):
        raise errors.ProjectIsArchived
