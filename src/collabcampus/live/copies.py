"""What copies are made of: originals as they are now, under fresh ids. People stay where they are."""

from collections.abc import Callable, Mapping

from collabcampus.domain import commands as c
from collabcampus.domain.decisions.checks import within
from collabcampus.domain.project import Project
from collabcampus.domain.templates import TEMPLATES, TemplateName
from collabcampus.domain.things import Task

FreshId = Callable[[], str]


def of_task(task: Task, fresh_id: FreshId, labels: Mapping[str, str] | None = None) -> c.Copied:
    """A task and its checklist; `labels` are those of the copy by those of the original."""
    kept = tuple(labels[each] for each in task.labels) if labels else ()
    return c.Copied(fresh_id(), task, tuple(fresh_id() for _ in task.checklist), kept)


def of_project(project: Project, fresh_id: FreshId, *, with_tasks: bool) -> c.Original:
    """A project's columns and labels, and the tasks on its board. LimitReached where that is too much at once."""
    labels = {each: fresh_id() for each in project.labels}
    tasks = [project.tasks[task_id] for column in project.places.values() for _, task_id in column]
    if with_tasks:  # now: what is far too much must not even be made
        within("EVENTS_PER_COMMAND", sum(1 + len(each.checklist) for each in tasks))
    return c.Original(
        project.columns,
        tuple((labels[each.label_id], each.name, each.color) for each in project.labels.values()),
        tuple(of_task(each, fresh_id, labels) for each in tasks) if with_tasks else (),
        project.description,
        project.name,
        project.head,
    )


def of_template(name: TemplateName, fresh_id: FreshId) -> c.Original:
    """A template's columns and labels."""
    template = TEMPLATES[name]
    return c.Original(template.columns, tuple((fresh_id(), *label) for label in template.labels))
