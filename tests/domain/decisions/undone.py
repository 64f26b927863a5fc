"""A history that knows who did what, so that its commands can be undone: the past that the log would bring."""

from collections.abc import Sequence

from msgspec import structs

from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.project import Actor, Project, fold, initial
from domain.given import AT, PROJECT
from strategies import OWNER, some_id


class Told:
    """A history told command by command."""

    def __init__(self, history: Sequence[e.Recorded] = ()) -> None:
        self.history = list(history)
        self.project = fold(initial(PROJECT), self.history)

    def does(self, command: c.Command, actor: Actor = OWNER) -> list[e.Recorded]:
        """Carry a command out."""
        events = decide(command, self.project, actor, AT)
        command_id = some_id("told", self.project.head)
        fresh = e.record(PROJECT, self.project.head, actor.user_id, command_id, AT, events)
        self.history += fresh
        self.project = fold(self.project, fresh)
        return fresh

    def undoes(self, own: list[e.Recorded], actor: Actor = OWNER) -> list[e.Recorded]:
        """Undo what a command brought about."""
        return self.does(structs.replace(c.Undo(), past=self.past(own)), actor)

    def redoes(self, own: list[e.Recorded], actor: Actor = OWNER) -> list[e.Recorded]:
        """Bring it about again, by taking back what undid it."""
        return self.does(structs.replace(c.Redo(), past=self.past(own)), actor)

    def past(self, own: list[e.Recorded]) -> c.Past:
        """What the door would fill in."""
        before = self.history[: own[0].position - 1]
        marks = {
            each.command_id for each in self.history if isinstance(each.event, e.CommandUndone | e.CommandRedone)
        }
        restored = frozenset(each.position for each in self.history if each.command_id in marks)
        return c.Past(own[0].command_id, tuple(own), fold(initial(PROJECT), before), restored)


def board(project: Project) -> object:
    """What people see of a project: order, values and words, but no ranks and not when something changed."""
    shown = {
        task_id: structs.replace(
            project.tasks[task_id], rank="", updated_at="",
            checklist=tuple(structs.replace(each, rank="") for each in project.tasks[task_id].checklist),
        )
        for column in project.places.values() for _, task_id in column
    }  # fmt: skip
    order = {status: [task_id for _, task_id in column] for status, column in project.places.items() if column}
    return project.name, project.description, project.columns, project.labels, shown, order
