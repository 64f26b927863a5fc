"""A command on its way: what was asked, who waits for its answer, and what it came to."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import UNSET, Struct

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.project import Actor, Member, Message, Project, Task
from collabcampus.log.append import Decided

Subject: TypeAlias = Task | Message | Member | Project | None
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

    __slots__ = ("actor", "answer", "brought", "command", "command_id", "deadline", "digest", "expected", "listeners")

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

    def settle(self, answer: Answer | None, error: BaseException | None = None) -> None:
        """Tell everybody who waits."""
        self.answer = answer
        listeners, self.listeners = self.listeners, []
        for done in listeners:
            done(answer, error)


class Taken(Struct, frozen=True):
    """An attempt that was decided against position `base` and waits for its commit."""

    attempt: Attempt
    base: int
    decided: Decided
    answer: Answer


def subject_of(command: c.Command, after: Project, events: Sequence[e.Recorded]) -> Subject:
    """What the command made or changed, in the state right after it. TaskNotFound where it is gone by then."""
    match command:
        case c.EditTask() | c.MoveTask() | c.AssignTask():
            if command.task_id not in after.tasks:
                raise errors.TaskNotFound
            return after.tasks[command.task_id]
        case c.CreateTask():
            return after.tasks[events[0].event.key]
        case c.SendMessage():
            return after.messages[events[0].event.key]
        case c.AddMember() | c.ChangeMember():
            assert command.user_id is not UNSET, "named at the door, or refused"
            return after.members[command.user_id]
        case c.CreateProject() | c.EditProject():
            return without_tasks(after)
        case _:
            return None


def without_tasks(project: Project) -> Project:
    """The project's own fields and its members, as they are now and stay."""
    return Project(
        project.project_id,
        project.head,
        project.name,
        project.description,
        project.columns,
        project.created_at,
        project.members.copy(),
    )
