"""Labels."""

from msgspec import UNSET

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.decisions.checks import unless_same, unspent, within
from collabcampus.domain.project import Project


def create(command: c.CreateLabel, project: Project) -> list[e.Event]:
    """A label more."""
    assert command.label_id is not UNSET, "a creation brings its id, or was given one at the door"
    unspent(project, project.labels, command.label_id, "labelId")
    within("LABELS_PER_PROJECT", len(project.labels) + 1)
    return [e.LabelCreated(command.label_id, command.name, command.color)]


def edit(command: c.EditLabel, project: Project) -> list[e.Event]:
    """Another name or colour."""
    label = project.labels.get(command.label_id)
    if label is None:
        raise errors.LabelNotFound
    name, color = unless_same(command.name, label.name), unless_same(command.color, label.color)
    return [] if name is UNSET and color is UNSET else [e.LabelEdited(label.label_id, name, color)]


def delete(command: c.DeleteLabel, project: Project) -> list[e.Event]:
    """Off every task, and gone."""
    label_id = command.label_id
    if label_id in project.spent:
        return []
    if label_id not in project.labels:
        raise errors.LabelNotFound
    bare: list[e.Event] = [
        e.TaskEdited(task.task_id, labels=tuple(each for each in task.labels if each != label_id))
        for task in project.tasks.values()
        if label_id in task.labels
    ]
    return [*bare, e.LabelDeleted(label_id)]
