"""Checklists: items in an order of their own."""

from typing import NamedTuple

from msgspec import UNSET, UnsetType, structs

from collabcampus.domain import commands as c
from collabcampus.domain import errors, limits, ranks
from collabcampus.domain import events as e
from collabcampus.domain.decisions.checks import open_task, unless_same, unspent, within
from collabcampus.domain.project import Project
from collabcampus.domain.things import Item, Task


def add(command: c.AddChecklistItem, project: Project) -> list[e.Event]:
    """An item more."""
    assert command.item_id is not UNSET, "a creation brings its id, or was given one at the door"
    task = open_task(project, command.task_id)
    unspent(project, project.items, command.item_id, "itemId")
    within("ITEMS_PER_CHECKLIST", len(task.checklist) + 1)
    spread, rank = _place(task, command.before, command.after)
    assert rank is not UNSET, "only one that is there already needs none"
    return [*spread, e.ChecklistItemAdded(command.item_id, task.task_id, command.text, command.done, rank)]


def edit(command: c.EditChecklistItem, project: Project) -> list[e.Event]:
    """Another text, a tick, another place."""
    task = open_task(project, command.task_id)
    item = _item(task, command.item_id)
    text, done = unless_same(command.text, item.text), unless_same(command.done, item.done)
    spread, rank = _Place([], UNSET)
    if command.before is not UNSET or command.after is not UNSET:
        spread, rank = _place(task, command.before, command.after, item)
    if text is UNSET and done is UNSET and rank is UNSET:
        return []
    return [*spread, e.ChecklistItemEdited(item.item_id, task.task_id, text, done, rank)]


def remove(command: c.RemoveChecklistItem, project: Project) -> list[e.Event]:
    """An item less."""
    if command.item_id in project.spent:
        return []
    task = open_task(project, command.task_id)
    return [e.ChecklistItemRemoved(_item(task, command.item_id).item_id, task.task_id)]


def _item(task: Task, item_id: str) -> Item:
    for each in task.checklist:
        if each.item_id == item_id:
            return each
    raise errors.ItemNotFound(itemId=item_id)


class _Place(NamedTuple):
    spread: list[e.Event]
    """What has to happen before, where ranks have become long."""
    rank: str | UnsetType
    """UNSET for an item that is there already."""


def _place(task: Task, before: str | UnsetType, after: str | UnsetType, own: Item | None = None) -> _Place:
    rank = _rank(task, before, after, own)
    if rank is UNSET or len(rank) <= limits.RANK_LENGTH:
        return _Place([], rank)
    even = ranks.many(None, None, len(task.checklist))
    items = tuple(structs.replace(each, rank=rank) for each, rank in zip(task.checklist, even, strict=True))
    spread: list[e.Event] = [
        e.ChecklistItemEdited(each.item_id, task.task_id, rank=each.rank)
        for each, now in zip(items, task.checklist, strict=True)
        if each != now
    ]
    task = structs.replace(task, checklist=items)
    return _Place(spread, _rank(task, before, after, _item(task, own.item_id) if own else None))


def _rank(task: Task, before: str | UnsetType, after: str | UnsetType, own: Item | None) -> str | UnsetType:
    if own and own.item_id in {before, after}:
        raise errors.Contradiction
    column = [(each.rank, each.item_id) for each in task.checklist]
    if before is UNSET and after is UNSET:
        return ranks.last(column)
    named = [None if each is UNSET else _item(task, each) for each in (before, after)]
    lower, upper = [(each.rank, each.item_id) if each else None for each in named]
    return ranks.beside(column, lower, upper, (own.rank, own.item_id) if own else None) or UNSET
