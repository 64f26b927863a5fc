"""Columns as they were before a command: each event carries all of them, and what others did to others stays."""

from typing import NamedTuple

from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.decisions.checks import within
from collabcampus.domain.project import Project

Columns = dict[str, e.Column]


class Back(NamedTuple):
    """Events before the tasks return, and events once the columns are empty that have to go."""

    early: list[e.ColumnAdded | e.ColumnEdited | e.ColumnMoved]
    late: list[e.ColumnRemoved]


def columns_back(before: Project, after: Project, now: Project) -> Back:
    """What gives the columns that differ their values of before. UndoConflict where others changed the same."""
    if before.columns == after.columns:
        return Back([], [])
    then, left, there = ({each.id: each for each in state.columns} for state in (before, after, now))
    for column_id in {*then, *left}:
        if then.get(column_id) != left.get(column_id) and there.get(column_id) != left.get(column_id):
            raise errors.UndoConflict(columnId=column_id)
    return _Columns(now.project_id, there).back(then, left)


class _Columns:
    def __init__(self, project_id: str, there: Columns) -> None:
        self._project_id, self._there = project_id, there

    def back(self, then: Columns, left: Columns) -> Back:
        early: list[e.ColumnAdded | e.ColumnEdited | e.ColumnMoved] = []
        for column_id, column in then.items():
            if column_id not in left:
                self._insert(column, list(then))
                early.append(e.ColumnAdded(self._project_id, column_id, self._all()))
            elif column != left[column_id]:
                self._there[column_id] = column
                early.append(e.ColumnEdited(self._project_id, column_id, self._all()))
        early += self._moved(then, left)
        late = [self._remove(column_id) for column_id in left if column_id not in then]
        return Back(early, late)

    def _all(self) -> tuple[e.Column, ...]:
        return tuple(self._there.values())

    def _insert(self, column: e.Column, order: list[str]) -> None:
        """Right behind the column it stood behind, or the nearest before that is there."""
        within("COLUMNS_PER_PROJECT", len(self._there) + 1)
        ids = list(self._there)
        known = [each for each in order[: order.index(column.id)] if each in ids]
        ids.insert(ids.index(known[-1]) + 1 if known else 0, column.id)
        self._there[column.id] = column
        self._there = {each: self._there[each] for each in ids}

    def _moved(self, then: Columns, left: Columns) -> list[e.ColumnMoved]:
        order, was = [each for each in left if each in then], [each for each in then if each in left]
        if order == was:
            return []
        if list(self._there) != list(left):
            raise errors.UndoConflict(fields=["columns"])
        moved = next(mine for mine, its in zip(was, order, strict=True) if mine != its)
        self._there = {each: self._there[each] for each in was}
        return [e.ColumnMoved(self._project_id, moved, self._all())]

    def _remove(self, column_id: str) -> e.ColumnRemoved:
        if len(self._there) == 1:
            raise errors.LastColumn
        del self._there[column_id]
        return e.ColumnRemoved(self._project_id, column_id, self._all())
