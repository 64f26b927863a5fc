"""A command on its way: what was asked, who waits for its answer, and what it came to."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TypeAlias, TypeVar

from msgspec import Struct

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.decisions.checks import task_of
from collabcampus.domain.project import Actor, Project
from collabcampus.domain.things import Comment, Invitation, Item, Label, Member, Message, Task
from collabcampus.live.pace import RETRY_AFTER_S
from collabcampus.log.append import Decided
from collabcampus.telemetry import metrics, traces


class Columns(Struct, frozen=True):
    """All columns of a project, and which of them a command was about; None where that is gone."""

    column_id: str | None
    columns: tuple[e.Column, ...]


Subject: TypeAlias = Task | Item | Comment | Message | Member | Label | Invitation | Columns | Project | None
"""What a command made or changed, as it was right after it; a project without its tasks."""


class Answer(Struct, frozen=True):
    """What a command came to: the position right after it, its own events (none for a no-op), and its subject."""

    position: int
    events: Sequence[e.Recorded]
    subject: Subject


Done: TypeAlias = Callable[[Answer | None, BaseException | None], None]
"""Called once: with the answer, or with why there is none (a Refused, or what went wrong)."""


class Attempt:
    """One command from the moment it was asked until it is answered. A repeated one listens to the first."""

    __slots__ = (
        "_began", "actor", "answer", "brought", "command", "command_id", "deadline", "digest", "expected",
        "listeners", "trace",
    )  # fmt: skip

    def __init__(
        self,
        command: c.Command,
        actor: Actor,
        command_id: str,
        digest: bytes,
        *,
        brought: bool,
        expected: int | None,
        deadline: float,
        done: Done,
    ) -> None:
        """`brought`: the client named the commandId itself; `deadline` in the loop's seconds."""
        self.command, self.actor, self.command_id, self.digest = command, actor, command_id, digest
        self.brought, self.expected, self.deadline = brought, expected, deadline
        self.listeners = [done]
        self.answer: Answer | None = None
        self.trace = traces.command(type(command).__name__)
        self._began = perf_counter()

    def settle(self, answer: Answer | None, error: BaseException | None = None) -> None:
        """Tell everybody who waits."""
        self.answer = answer
        metrics.command_seconds.observe(perf_counter() - self._began)
        if error is not None:
            _declined(error)
        if self.trace:
            self.trace.end(None if error is None else _code(error))
        listeners, self.listeners = self.listeners, []
        for done in listeners:
            done(answer, error)


def overload(done: Done) -> None:
    """Decline what is too much before anything is done about it."""
    refused = errors.Overloaded(retryAfter=RETRY_AFTER_S)
    _declined(refused)
    done(None, refused)


def _declined(error: BaseException) -> None:
    (metrics.refused(error.code) if isinstance(error, errors.Refused) else metrics.failed).inc()


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, errors.Refused) else type(error).__name__


class Taken(Struct, frozen=True):
    """An attempt that was decided against position `base` and waits for its commit."""

    attempt: Attempt
    base: int
    decided: Decided
    answer: Answer


def subject_of(command: c.Command, after: Project, events: Sequence[e.Recorded]) -> Subject:
    """What the command made or changed, in the state right after it. A NotFound where it is gone by then."""
    match command:
        case c.EditTask() | c.MoveTask() | c.AssignTask() | c.ArchiveTask() | c.RestoreTask():
            return task_of(after, command.task_id)
        case c.CreateTask() | c.CopyTask():
            created = next(each.event for each in events if isinstance(each.event, e.TaskCreated))
            return after.tasks[created.task_id]
        case c.AddChecklistItem() | c.EditChecklistItem():
            items = {each.item_id: each for each in task_of(after, command.task_id).checklist}
            return _there(items, _made(events) or str(command.item_id), errors.ItemNotFound)
        case c.AddComment() | c.EditComment():
            return _there(after.comments, _made(events) or str(command.comment_id), errors.CommentNotFound)
        case c.SendMessage() | c.EditMessage() | c.ReactToMessage():
            return _there(after.messages, _made(events) or str(command.message_id), errors.MessageNotFound)
        case c.CreateLabel() | c.EditLabel():
            return _there(after.labels, _made(events) or str(command.label_id), errors.LabelNotFound)
        case c.CreateInvitation():
            return _there(after.invitations, _made(events), errors.InvitationNotFound)
        case c.AddMember() | c.ChangeMember() | c.TransferOwnership() | c.AppointOwner():
            return _there(after.members, str(command.user_id), errors.MemberNotFound)
        case c.AddColumn():
            added = next(each.event for each in events if isinstance(each.event, e.ColumnAdded))
            return Columns(added.column_id, after.columns)
        case c.EditColumn() | c.MoveColumn():
            return Columns(command.column_id, after.columns)
        case c.RemoveColumn():
            return Columns(None, after.columns)
        case c.CreateProject() | c.ForkProject() | c.EditProject() | c.RestoreProject() | c.AcceptInvitation():
            return without_tasks(after)
        case _:
            return None


T = TypeVar("T")


def _made(events: Sequence[e.Recorded]) -> str:
    """The id of what a creation made, which is not the one that a repetition brings; "" for a no-op."""
    return events[-1].event.key if events else ""


def _there(things: Mapping[str, T], key: str, missing: type[errors.NotFound]) -> T:
    if key not in things:
        raise missing
    return things[key]


def without_tasks(project: Project) -> Project:
    """The project's own fields and its members, as they are now and stay."""
    return Project(
        project.project_id,
        project.head,
        project.name,
        project.description,
        project.columns,
        project.created_at,
        project.archived,
        project.members.copy(),
        labels=project.labels.copy(),
    )


def creates(command: c.Command) -> str | None:
    """The id of the task that a command makes: unique everywhere."""
    match command:
        case c.CreateTask(task_id=str(task_id)) | c.CopyTask(copied=c.Copied(task_id=task_id)):
            return task_id
        case _:
            return None


def join(first: Attempt, again: Attempt) -> None:
    """Two attempts of one commandId are one command: the second is answered as the first is."""
    if first.digest != again.digest:
        again.settle(None, errors.CommandIdReused())
    elif first.answer is not None:
        again.settle(first.answer)
    else:
        first.listeners += again.listeners


def unnamed(done: Done, answer: Answer | None, error: BaseException | None) -> None:
    """A stranger who names a task is told that there is no such task, and not that there is such a project."""
    done(answer, errors.TaskNotFound() if isinstance(error, errors.ProjectNotFound) else error)


def resolve(answered: "asyncio.Future[Answer]", answer: Answer | None, error: BaseException | None) -> None:
    """Give somebody who awaits it the answer."""
    if answered.done():
        return  # whoever asked has gone
    if answer is not None:
        answered.set_result(answer)
    else:
        answered.set_exception(error or errors.Unavailable())
