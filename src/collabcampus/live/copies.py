"""What copies are made of: originals as they are now, under fresh ids. People stay where they are."""

from collections.abc import Callable, Mapping

from collabcampus.domain import commands as c
from collabcampus.domain.project import Project
from collabcampus.domain.templates import TEMPLATES, TemplateName
from collabcampus.domain.things import Task

FreshId = Callable[[], str]


def of_task(task: Task, fresh_id: FreshId, labels: Mapping[str, str] | None = None) -> c.Copied:
    """A task's words, dates, estimate and checklist; `labels` are those of the copy by those of the original."""
    return c.Copied(
        fresh_id(), task.title, task.description, task.priority, task.due_date, task.start_date, task.estimate,
        tuple((fresh_id(), item.text, item.done) for item in task.checklist),
        task.status, task.rank, tuple(labels[each] for each in task.labels) if labels else (),
    )  # fmt: skip


def of_project(project: Project, fresh_id: FreshId, *, with_tasks: bool) -> c.Original:
    """A project's columns and labels, and the tasks on its board."""
    labels = {each: fresh_id() for each in project.labels}
    tasks = [project.tasks[task_id] for column in project.places.values() for _, task_id in column]
    return c.Original(
        project.columns,
        tuple((labels[each.label_id], each.name, each.color) for each in project.labels.values()),
        tuple(of_task(each, fresh_id, labels) for each in tasks) if with_tasks else (),
    )


def of_template(name: TemplateName, fresh_id: FreshId) -> c.Original:
    """A template's columns and labels."""
    template = TEMPLATES[name]
    return c.Original(template.columns, tuple((fresh_id(), *label) for label in template.labels))
