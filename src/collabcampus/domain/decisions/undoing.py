"""Undo and redo: events that give what a command changed the values of before, unless others built on it.

What a command changed is the difference between the state before it and the state after it, so every command that
changes the board is undone the same way, and an undo is redone by being undone.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, TypeAlias

from msgspec import UNSET, structs

from collabcampus.domain import commands as c
from collabcampus.domain import errors, ranks
from collabcampus.domain import events as e
from collabcampus.domain.decisions import tasks
from collabcampus.domain.decisions.checks import end_of, known_column, within
from collabcampus.domain.decisions.columns_back import columns_back
from collabcampus.domain.decisions.places import room_for
from collabcampus.domain.project import Actor, Project, fold, merge, private_copy
from collabcampus.domain.things import Item, Label, Task

Asked: TypeAlias = c.Undo | c.Redo

REVERSIBLE: tuple[type[e.Event], ...] = (
    e.TaskCreated, e.TaskEdited, e.TaskMoved, e.TaskAssigned, e.TaskArchived, e.TaskRestored,
    e.ChecklistItemAdded, e.ChecklistItemEdited, e.ChecklistItemRemoved,
    e.ColumnAdded, e.ColumnEdited, e.ColumnMoved, e.ColumnRemoved, e.ColumnRebalanced,
    e.LabelCreated, e.LabelEdited, e.LabelDeleted, e.ProjectEdited, e.CommandUndone, e.CommandRedone,
)  # fmt: skip
"""Commands that brought about nothing but these can be undone."""

_VALUES = tuple(name for name in e.TaskEdited.__struct_fields__ if name != "task_id")
_TASK = (*_VALUES, "assignees", "status", "rank", "archived")
_NOT_BUILT_ON = ("rank", "updated_at", "reminded")
"""Fields of a new task that change without anybody's doing."""


def undo(command: Asked, project: Project, actor: Actor) -> list[e.Event]:
    """The values of before; nothing where that is so already. UndoConflict, CannotBeUndone, NothingToUndo."""
    if command.of_command is not UNSET and command.position is not UNSET:
        raise errors.InvalidPayload(reason="ofCommand and position: one of them is enough")
    if command.past is UNSET:
        raise errors.NothingToUndo
    for each in command.past.own:
        if not isinstance(each.event, REVERSIBLE):
            raise errors.CannotBeUndone(event=each.type)
    decided = _Reversal(command.past, project, actor).decided if command.past.own else []
    marker = e.CommandUndone if isinstance(command, c.Undo) else e.CommandRedone
    return [marker(command.past.command_id), *decided] if decided else []


class _Reversal:
    """What is to be decided, and the state that it leads to: each event is decided at what those before it left."""

    def __init__(self, past: c.Past, project: Project, actor: Actor) -> None:
        self._own = [each.event for each in past.own]
        # Tasks go back to where spreading their ranks had put them; the spreading itself stays.
        self._before = fold(past.before, [each for each in past.own if isinstance(each.event, e.ColumnRebalanced)])
        self._after, self._last = fold(past.before, past.own), past.own[-1].position
        self._restored = past.restored
        self._now, self._draft, self._actor = project, private_copy(project), actor
        self.decided: list[e.Event] = []
        self._reverse()

    def _reverse(self) -> None:
        """What tasks need comes before them, and what must be free of tasks goes after them."""
        early, late = columns_back(self._before, self._after, self._now)
        self._words()
        self._decide(*early)
        for label_id in _keys(self._own, "label_id"):
            self._label(label_id, gone=False)
        for task_id in _keys(self._own, "task_id"):
            self._task(task_id)
        for label_id in _keys(self._own, "label_id"):
            self._label(label_id, gone=True)
        for event in late:
            if self._draft.column(event.column_id):
                raise errors.UndoConflict(columnId=event.column_id)
            self._decide(event)

    def _decide(self, *events: e.Event) -> None:
        for event in events:
            merge(self._draft, e.record(self._now.project_id, self._draft.head, self._actor.user_id, "", "", [event]))
            self.decided.append(event)

    def _words(self) -> None:
        changed = _changed(self._before, self._after, ("name", "description"))
        if not any(isinstance(each, e.ProjectEdited) for each in self._own) or not changed:
            return
        _require({each: getattr(self._now, each) == getattr(self._after, each) for each in changed})
        self._decide(e.ProjectEdited(self._now.project_id, **changed))

    def _label(self, label_id: str, *, gone: bool) -> None:
        before, after, now = (each.labels.get(label_id) for each in (self._before, self._after, self._now))
        if before == after or gone is not (before is None):
            return
        if now != after:
            raise errors.UndoConflict(labelId=label_id)
        if before is None:
            if any(label_id in task.labels for task in self._draft.tasks.values()):
                raise errors.UndoConflict(labelId=label_id)
            self._decide(e.LabelDeleted(label_id))
        elif after is None:
            within("LABELS_PER_PROJECT", len(self._draft.labels) + 1)
            self._decide(e.LabelCreated(label_id, before.name, before.color))
        else:
            self._decide(e.LabelEdited(label_id, **_changed(before, after, Label.__struct_fields__)))

    def _task(self, task_id: str) -> None:
        before, after, now = (each.tasks.get(task_id) for each in (self._before, self._after, self._now))
        if now is None or after is None:
            raise errors.UndoConflict(taskId=task_id)
        if before is None:
            self._put_away(now, after)
            return
        changed = _changed(before, after, _TASK)
        set_at = self._now.set_at.get(task_id, {})
        _require(
            {
                name: getattr(now, name) == getattr(after, name) and self._is_ours(set_at.get(name, 0))
                for name in changed
            },
            taskId=task_id,
        )
        checklist = before.checklist != after.checklist
        if now.archived and "archived" not in changed and (checklist or set(changed) - {"labels"}):
            raise errors.TaskIsArchived
        self._values(before, {name: changed[name] for name in _VALUES if name in changed})
        if "assignees" in changed:
            self._decide(*tasks.assign(self._draft, self._draft.tasks[task_id], before.assignees, self._actor))
        self._place(before, after, changed)
        if checklist:
            self._checklist(before, after, now)

    def _is_ours(self, position: int) -> bool:
        """Whether nobody set a value since that was set there last."""
        return position <= self._last or position in self._restored

    def _put_away(self, now: Task, after: Task) -> None:
        """A task that is undone is archived: its id is never used again, and it can come back."""
        if structs.replace(now, **{name: getattr(after, name) for name in _NOT_BUILT_ON}) != after:
            raise errors.UndoConflict(taskId=now.task_id)
        if not now.archived:
            self._decide(e.TaskArchived(now.task_id))

    def _values(self, before: Task, values: dict[str, Any]) -> None:
        if not values:
            return
        for label_id in values.get("labels", ()):
            if label_id not in self._draft.labels:
                raise errors.LabelNotFound(labelId=label_id)
        self._decide(e.TaskEdited(before.task_id, **values))
        task = self._draft.tasks[before.task_id]
        if task.start_date and task.due_date and task.start_date > end_of(task.due_date):
            raise errors.StartAfterDue

    def _place(self, before: Task, after: Task, changed: dict[str, Any]) -> None:
        if "archived" in changed and before.archived:
            self._decide(e.TaskArchived(before.task_id))
        elif changed.keys() & {"archived", "status", "rank"}:
            self._require_rank_holds(before, after)
            known_column(self._draft, before.status)
            there = self._draft.column(before.status)
            room_for(self._draft, before.status, all(each != before.task_id for _, each in there))
            rank = _free([place for place in there if place[1] != before.task_id], before.rank)
            if "archived" in changed:
                within("TASKS_PER_PROJECT", self._draft.open_tasks + 1)
                self._decide(e.TaskRestored(before.task_id, before.status, rank))
            else:
                self._decide(e.TaskMoved(before.task_id, before.status, rank))

    def _require_rank_holds(self, before: Task, after: Task) -> None:
        """Where several moved within a column that was spread around them, nobody knows where they would stand."""
        spread = [each for each in self._own if isinstance(each, e.ColumnRebalanced) and each.status == before.status]
        moved = sum(isinstance(each, e.TaskMoved) for each in self._own)
        if moved > 1 and any(before.task_id not in each.ranks for each in spread) and before.status == after.status:
            raise errors.CannotBeUndone(event="ColumnRebalanced")

    def _checklist(self, before: Task, after: Task, now: Task) -> None:
        then, left, there = ({each.item_id: each for each in task.checklist} for task in (before, after, now))
        for item_id in dict.fromkeys([*left, *then]):
            if then.get(item_id) != left.get(item_id):
                if there.get(item_id) != left.get(item_id):
                    raise errors.UndoConflict(taskId=before.task_id, itemId=item_id)
                self._item(before.task_id, item_id, then.get(item_id), left.get(item_id))

    def _item(self, task_id: str, item_id: str, before: Item | None, after: Item | None) -> None:
        checklist = self._draft.tasks[task_id].checklist
        if before is None:
            self._decide(e.ChecklistItemRemoved(item_id, task_id))
        elif after is None:
            within("ITEMS_PER_CHECKLIST", len(checklist) + 1)
            rank = _free([(each.rank, each.item_id) for each in checklist], before.rank)
            self._decide(e.ChecklistItemAdded(item_id, task_id, before.text, before.done, rank))
        else:
            changed = _changed(before, after, Item.__struct_fields__)
            if "rank" in changed:
                others = [(each.rank, each.item_id) for each in checklist if each.item_id != item_id]
                changed["rank"] = _free(others, before.rank)
            self._decide(e.ChecklistItemEdited(item_id, task_id, **changed))


def _keys(events: Iterable[e.Event], name: str) -> list[str]:
    """The things of a kind that events are about, each once, the one that was changed last first."""
    keys = [getattr(each, name) for each in events if hasattr(each, name)]
    return list(dict.fromkeys(reversed(keys)))


def _changed(before: Any, after: Any, names: Iterable[str]) -> dict[str, Any]:
    """The values of before, of the fields that differ."""
    return {name: getattr(before, name) for name in names if getattr(before, name) != getattr(after, name)}


def _require(stands: dict[str, bool], **where: str) -> None:
    """UndoConflict, which names the fields that somebody set since."""
    fields = [c.camel(name) for name, holds in stands.items() if not holds]
    if fields:
        raise errors.UndoConflict(fields=fields, **where)


def _free(column: list[ranks.Place], rank: str) -> str:
    """This rank, or one right behind it where somebody has it by now."""
    index = bisect_left(column, (rank, ""))
    if index == len(column) or column[index][0] != rank:
        return rank
    return ranks.between(rank, column[index + 1][0] if index + 1 < len(column) else None)
