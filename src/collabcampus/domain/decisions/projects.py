"""Projects themselves: beginning, naming, putting away."""

import re
from collections.abc import Collection
from itertools import count

from msgspec import UNSET

from collabcampus.domain import commands as c
from collabcampus.domain import errors, limits
from collabcampus.domain import events as e
from collabcampus.domain.decisions.checks import unless_same, within
from collabcampus.domain.project import Actor, Project

DEFAULT_COLUMNS = (
    e.Column("todo", "To do"),
    e.Column("in-progress", "In progress"),
    e.Column("done", "Done"),
)

_NOT_SLUG = re.compile(r"[^a-z0-9]+")


def create(command: c.CreateProject, project: Project, actor: Actor) -> list[e.Event]:
    """The project and its first owner; of a copy its labels and tasks too."""
    if project.head:
        raise errors.IdTaken(projectId=project.project_id)
    if sum(each is not UNSET for each in (command.columns, command.template, command.copy_of)) > 1:
        raise errors.InvalidPayload(reason="columns, template and copyOf: one of them is enough")
    if command.with_tasks and command.copy_of is UNSET:
        raise errors.InvalidPayload(reason="withTasks goes with copyOf")
    if command.copy_of is not UNSET and command.original is UNSET:
        raise errors.ProjectNotFound
    original = c.Original(DEFAULT_COLUMNS, ()) if command.original is UNSET else command.original
    columns = original.columns if command.columns is UNSET else _columns(command.columns)
    within("COLUMNS_PER_PROJECT", len(columns))
    ids = [column.id for column in columns]
    if len(set(ids)) < len(ids):
        raise errors.DuplicateColumn(ids=sorted({each for each in ids if ids.count(each) > 1}))
    description = command.description or original.description
    return _begun(e.ProjectCreated(project.project_id, command.name, description, columns), actor, original)


def fork(command: c.ForkProject, project: Project, actor: Actor) -> list[e.Event]:
    """A project like another was, and its owner."""
    if project.head:
        raise errors.IdTaken(projectId=project.project_id)
    if command.position is not UNSET and command.at is not UNSET:
        raise errors.InvalidPayload(reason="position and at: one of them is enough")
    if command.original is UNSET:
        raise errors.ProjectNotFound
    original = command.original
    name = original.name if command.name is UNSET else command.name
    created = e.ProjectCreated(
        project.project_id, name, original.description, original.columns, command.fork_of, original.position
    )
    return _begun(created, actor, original)


def _begun(created: e.ProjectCreated, actor: Actor, original: c.Original) -> list[e.Event]:
    copies = [event for each in original.tasks for event in copied(each, each.original.status, each.original.rank)]
    return [
        created,
        e.MemberAdded(actor.user_id, "owner"),
        *(e.LabelCreated(*label) for label in original.labels),
        *copies,
    ]


_COPIED = {*e.TaskEdited.__struct_fields__} - {"task_id", "labels"}
"""Fields of a task that its copy has too; people and labels are another project's."""


def copied(copy: c.Copied, status: str, rank: str) -> list[e.Event]:
    """A task like another, at a place of its own, with its checklist."""
    values = {name: getattr(copy.original, name) for name in _COPIED}
    return [
        e.TaskCreated(copy.task_id, status=status, rank=rank, labels=copy.labels, **values),
        *(
            e.ChecklistItemAdded(item_id, copy.task_id, item.text, item.done, item.rank)
            for item_id, item in zip(copy.item_ids, copy.original.checklist, strict=True)
        ),
    ]


def edit(command: c.EditProject, project: Project) -> list[e.Event]:
    """Other words."""
    name = unless_same(command.name, project.name)
    description = unless_same(command.description, project.description)
    if name is UNSET and description is UNSET:
        return []
    return [e.ProjectEdited(project.project_id, name, description)]


def archive(project: Project) -> list[e.Event]:
    """Put away, once."""
    return [] if project.archived else [e.ProjectArchived(project.project_id)]


def restore(project: Project) -> list[e.Event]:
    """In use again."""
    return [e.ProjectRestored(project.project_id)] if project.archived else []


def _columns(given: tuple[str | c.NewColumn, ...]) -> tuple[e.Column, ...]:
    """With ids made of the names where none are given: another one where it is taken."""
    named = [c.NewColumn(each) if isinstance(each, str) else each for each in given]
    ids = [each.id for each in named if each.id is not UNSET]
    columns = []
    for each in named:
        if each.id is UNSET:
            ids.append(free_slug(each.name, ids))
        columns.append(e.Column(ids[-1] if each.id is UNSET else each.id, each.name))
    return tuple(columns)


def free_slug(name: str, taken: Collection[str]) -> str:
    """A column's id, made of its name, that no other has: `done`, `done-2`."""
    made = _NOT_SLUG.sub("-", name.lower())[: limits.COLUMN_ID_LENGTH - 4].strip("-") or "column"
    numbered = (f"{made}-{n}" for n in count(2))
    return made if made not in taken else next(each for each in numbered if each not in taken)
