"""Columns: each event carries all of them as they are afterwards, since their order is one value."""

from msgspec import UNSET, UnsetType, structs

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.decisions.checks import known_column, unless_same, within
from collabcampus.domain.decisions.places import arriving
from collabcampus.domain.decisions.projects import free_slug
from collabcampus.domain.project import Project


def add(command: c.AddColumn, project: Project) -> list[e.Event]:
    """One column more, under an id that no column has now; by name alone, under a name that none has."""
    ids = {each.id: each.name for each in project.columns}
    column_id = command.column_id
    if column_id is UNSET:
        same = [each for each, name in ids.items() if name == command.name]
        column_id = same[0] if same else free_slug(command.name, ids)
    column = e.Column(column_id, command.name, command.color, command.limit)
    if column_id in ids:
        raise errors.IdTaken(columnId=column_id)
    within("COLUMNS_PER_PROJECT", len(project.columns) + 1)
    columns = _placed(project.columns, column, command.before, command.after)
    return [e.ColumnAdded(project.project_id, column_id, columns)]


def edit(command: c.EditColumn, project: Project) -> list[e.Event]:
    """Another name, colour or limit; then another place, where one is named."""
    now = _column(project, command.column_id)
    fields = {name: unless_same(getattr(command, name), getattr(now, name)) for name in ("name", "color", "limit")}
    column = structs.replace(now, **{name: value for name, value in fields.items() if value is not UNSET})
    columns = tuple(column if each is now else each for each in project.columns)
    decided: list[e.Event] = []
    if columns != project.columns:
        decided.append(e.ColumnEdited(project.project_id, column.id, columns))
    if command.before is not UNSET or command.after is not UNSET:
        moved = _placed(columns, column, command.before, command.after)
        if moved != columns:
            decided.append(e.ColumnMoved(project.project_id, column.id, moved))
    return decided


def move(command: c.MoveColumn, project: Project) -> list[e.Event]:
    """The column elsewhere among the others."""
    columns = _placed(project.columns, _column(project, command.column_id), command.before, command.after)
    return [] if columns == project.columns else [e.ColumnMoved(project.project_id, command.column_id, columns)]


def remove(command: c.RemoveColumn, project: Project) -> list[e.Event]:
    """The column gone, its tasks at the end of another. One that is gone already is nothing."""
    column_id = command.column_id
    if all(each.id != column_id for each in project.columns):
        return []
    if len(project.columns) == 1:
        raise errors.LastColumn
    decided: list[e.Event] = []
    leaving = [task_id for _, task_id in project.column(column_id)]
    if leaving:
        if command.move_to is UNSET:
            raise errors.ColumnNotEmpty(tasks=len(leaving))
        if command.move_to == column_id:
            raise errors.Contradiction
        known_column(project, command.move_to)
        decided += arriving(project, leaving, command.move_to)
    columns = tuple(each for each in project.columns if each.id != column_id)
    return [*decided, e.ColumnRemoved(project.project_id, column_id, columns)]


def _column(project: Project, column_id: str) -> e.Column:
    for each in project.columns:
        if each.id == column_id:
            return each
    raise errors.ColumnNotFound(column=column_id)


def _placed(
    columns: tuple[e.Column, ...], column: e.Column, before: str | UnsetType, after: str | UnsetType
) -> tuple[e.Column, ...]:
    """All columns, with this one right before or after another, or last."""
    if column.id in {before, after}:
        raise errors.Contradiction
    rest = [each for each in columns if each.id != column.id]
    ids = [each.id for each in rest]
    for named in (before, after):
        if named is not UNSET and named not in ids:
            raise errors.ColumnNotFound(column=named)
    index = len(rest)
    if after is not UNSET:
        index = ids.index(after) + 1
        if before is not UNSET and ids.index(before) < index:
            raise errors.Contradiction
    elif before is not UNSET:
        index = ids.index(before)
    return (*rest[:index], column, *rest[index:])
