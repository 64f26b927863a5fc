"""Tasks: made, edited, assigned, moved, put away, copied."""

from typing import Any, TypeVar

from msgspec import UNSET, UnsetType, structs

from collabcampus.domain import commands as c
from collabcampus.domain import errors, ranks
from collabcampus.domain import events as e
from collabcampus.domain.decisions import places, projects
from collabcampus.domain.decisions.checks import (
    end_of,
    known_column,
    members,
    merged,
    open_task,
    others,
    real_day,
    task_of,
    unless_same,
    unspent,
    within,
)
from collabcampus.domain.project import Actor, Project
from collabcampus.domain.things import Task

_VALUES = tuple(name for name in e.TaskEdited.__struct_fields__ if name != "task_id")
"""Fields of a task that are edited as they are; assignees and place have events of their own."""
_ALIKE = tuple(name for name in _VALUES if name in c.EditTasks.__struct_fields__)


def create(command: c.CreateTask, project: Project, actor: Actor) -> list[e.Event]:
    """A task more."""
    task_id = command.task_id
    assert task_id is not UNSET, "a creation brings its id, or was given one at the door"
    unspent(project, project.tasks, task_id, "taskId")
    status = _arrives_in(project, command.status)
    _dates(command.start_date, command.due_date)
    assignees = _assignees(project, command.assignees)
    values = {name: getattr(command, name) for name in _VALUES} | {"labels": _labels(project, command.labels)}
    spread, rank = places.new_rank(project, status, command.before, command.after)
    told = others(assignees, actor)
    created = e.TaskCreated(task_id, status=status, rank=rank, assignees=assignees, notifies=told, **values)
    return [*spread, created]


def copy(command: c.CopyTask, project: Project) -> list[e.Event]:
    """A task like another, with its checklist; its labels where they are this project's, and nobody assigned."""
    copied = command.copied
    if copied is UNSET:
        raise errors.TaskNotFound
    unspent(project, project.tasks, copied.task_id, "taskId")
    status = _arrives_in(project, command.status)
    spread, rank = places.new_rank(project, status, UNSET, UNSET)
    if copied.original.task_id in project.tasks:
        kept = tuple(each for each in copied.original.labels if each in project.labels)
        copied = structs.replace(copied, labels=kept)
    return [*spread, *projects.copied(copied, status, rank)]


def edit(command: c.EditTask, project: Project, actor: Actor) -> list[e.Event]:
    """Whatever is named, where it differs; refused where it was changed since `base_position`."""
    task = open_task(project, command.task_id)
    status = task.status if command.status is UNSET else command.status
    known_column(project, status)
    whole = _whole(command, task)
    decided = _edited(whole, _VALUES, project, task)
    if whole.assignees is not UNSET:
        decided += assign(project, task, whole.assignees, actor)
    decided += places.move(project, task, status, command.before, command.after)
    if command.base_position is not UNSET:
        _require_unchanged(command, command.base_position, project, task)
    return decided


def edit_many(command: c.EditTasks, project: Project, actor: Actor) -> list[e.Event]:
    """The same for each of them: all, or none where one is refused."""
    decided: list[e.Event] = []
    for task_id in dict.fromkeys(command.task_ids):
        task = open_task(project, task_id) if command.archived is UNSET else task_of(project, task_id)
        whole = _whole(command, task)
        changes = _edited(whole, _ALIKE, project, task)
        if whole.assignees is not UNSET:
            changes += assign(project, task, whole.assignees, actor)
        if command.archived is True and task.archived and changes:
            raise errors.TaskIsArchived
        decided += changes
        if command.archived is True and not task.archived:
            decided.append(e.TaskArchived(task_id))
    if command.archived is False:
        decided += _restored(
            project, [each for each in dict.fromkeys(command.task_ids) if project.tasks[each].archived]
        )
    return decided


def move(command: c.MoveTask, project: Project) -> list[e.Event]:
    """The drag."""
    task = open_task(project, command.task_id)
    known_column(project, command.status)
    return places.move(project, task, command.status, command.before, command.after)


def move_many(command: c.MoveTasks, project: Project) -> list[e.Event]:
    """The drag of several."""
    known_column(project, command.status)
    task_ids = list(dict.fromkeys(command.task_ids))
    for each in task_ids:
        open_task(project, each)
    if command.before is UNSET and command.after is UNSET:
        task_ids = [each for each in task_ids if project.tasks[each].status != command.status]
        if not task_ids:
            return []
    return places.arriving(project, task_ids, command.status, command.before, command.after)


def reassign(command: c.AssignTask, project: Project, actor: Actor) -> list[e.Event]:
    """All of a task's assignees."""
    task = open_task(project, command.task_id)
    decided = assign(project, task, command.assignees, actor)
    if command.base_position is not UNSET:
        _require_unchanged(command, command.base_position, project, task)
    return decided


def assign(project: Project, task: Task, people: tuple[str, ...], actor: Actor) -> list[e.Event]:
    """These people, and nobody else."""
    assignees = _assignees(project, people, task.assignees)
    if assignees == task.assignees:
        return []
    return [e.TaskAssigned(task.task_id, assignees, others(assignees, actor, task.assignees))]


def archive(command: c.ArchiveTask, project: Project) -> list[e.Event]:
    """Off the board, and kept."""
    return [] if task_of(project, command.task_id).archived else [e.TaskArchived(command.task_id)]


def restore(command: c.RestoreTask, project: Project) -> list[e.Event]:
    """Back to the end of its column, or of the first where that is gone."""
    return _restored(project, [command.task_id]) if task_of(project, command.task_id).archived else []


def delete(command: c.DeleteTask, project: Project) -> list[e.Event]:
    """Gone for good, with what was said about it."""
    if command.task_id in project.spent:
        return []
    task = task_of(project, command.task_id)
    comments = [each for each in project.comments.values() if each.task_id == task.task_id]
    return [
        e.TaskDeleted(
            task.task_id, tuple(each.comment_id for each in comments), tuple(each.item_id for each in task.checklist)
        )
    ]


def remind(command: c.RemindDue, project: Project) -> list[e.Event]:
    """Each assignee once for each due date; nothing where the task moved on meanwhile."""
    task = project.tasks.get(command.task_id)
    if project.archived or task is None or task.archived or task.due_date != command.due_date:
        return []
    if task.reminded == command.due_date:
        return []
    return [e.DueReminded(task.task_id, command.due_date, task.assignees or UNSET)]


def _restored(project: Project, task_ids: list[str]) -> list[e.Event]:
    within("TASKS_PER_PROJECT", project.open_tasks + len(task_ids))
    known = {column.id for column in project.columns}
    decided: list[e.Event] = []
    ends: dict[str, str] = {}
    for task_id in task_ids:
        status = project.tasks[task_id].status
        status = status if status in known else project.columns[0].id
        column = project.column(status)
        end = ends.get(status) or (column[-1][0] if column else None)
        ends[status] = ranks.between(end, None)
        decided.append(e.TaskRestored(task_id, status, ends[status]))
    for status in ends:
        places.room_for(project, status, sum(isinstance(x, e.TaskRestored) and x.status == status for x in decided))
    return decided


def _arrives_in(project: Project, status: str | UnsetType) -> str:
    within("TASKS_PER_PROJECT", project.open_tasks + 1)
    if status is UNSET:
        if not project.columns:
            raise errors.ColumnNotFound
        return project.columns[0].id
    known_column(project, status)
    return status


W = TypeVar("W", c.EditTask, c.EditTasks)


def _whole(command: W, task: Task) -> W:
    """The command with whole lists, where it adds to what a task has, or takes of it."""
    labels = merged(command.labels, task.labels, command.add_labels, command.remove_labels)
    assignees = merged(command.assignees, task.assignees, command.add_assignees, command.remove_assignees)
    return structs.replace(command, labels=labels, assignees=assignees)


def _edited(command: Any, names: tuple[str, ...], project: Project, task: Task) -> list[e.Event]:
    values = {name: unless_same(getattr(command, name), getattr(task, name)) for name in names}
    changed = {name: value for name, value in values.items() if value is not UNSET}
    if not changed:
        return []
    if "labels" in changed:
        changed["labels"] = _labels(project, changed["labels"])
        if changed["labels"] == task.labels:
            del changed["labels"]
    _dates(changed.get("start_date", task.start_date), changed.get("due_date", task.due_date))
    return [e.TaskEdited(task.task_id, **changed)] if changed else []


def _require_unchanged(command: c.EditTask | c.AssignTask, base: int, project: Project, task: Task) -> None:
    """EditConflict, with both values, for each field that is to change and was changed after `base`."""
    set_at = project.set_at.get(task.task_id, {})
    fields = [
        {"field": c.camel(name), "yours": wanted, "theirs": getattr(task, name), "position": set_at[name]}
        for name in (*_VALUES, "assignees", "status")
        if set_at.get(name, 0) > base
        and (wanted := _each_once(getattr(command, name, UNSET))) not in (UNSET, getattr(task, name))
    ]
    if fields:
        raise errors.EditConflict(fields=fields)


def _each_once(value: Any) -> Any:
    return tuple(dict.fromkeys(value)) if isinstance(value, tuple) else value


def _assignees(project: Project, people: tuple[str, ...], already: tuple[str, ...] = ()) -> tuple[str, ...]:
    return members(project, people, "ASSIGNEES_PER_TASK", already)


def _labels(project: Project, given: tuple[str, ...]) -> tuple[str, ...]:
    labels = tuple(dict.fromkeys(given))
    within("LABELS_PER_TASK", len(labels))
    for each in labels:
        if each not in project.labels:
            raise errors.LabelNotFound(labelId=each)
    return labels


def _dates(start: str | None, due: str | None) -> None:
    real_day(start)
    real_day(due)
    if start and due and start > end_of(due):
        raise errors.StartAfterDue
