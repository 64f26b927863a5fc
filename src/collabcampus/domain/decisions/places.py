"""Where tasks stand: one task beside another, many together, and ranks that stay short."""

from bisect import bisect_left

from msgspec import UNSET, UnsetType

from collabcampus.domain import errors, limits, ranks
from collabcampus.domain import events as e
from collabcampus.domain.project import Project
from collabcampus.domain.things import Task


def move(project: Project, task: Task, status: str, before: str | UnsetType, after: str | UnsetType) -> list[e.Event]:
    """The task in its place; nothing where it stands there already. The column is known to exist."""
    if task.task_id in {before, after}:
        raise errors.Contradiction
    stays = status == task.status
    column = project.column(status)
    if not stays:
        room_for(project, status, 1)
    elif before is UNSET and after is UNSET:
        return []
    found = _rank(column, before, after, project, (task.rank, task.task_id) if stays else None)
    if found is None:
        return []
    if len(found) <= limits.RANK_LENGTH:
        return [e.TaskMoved(task.task_id, status, found)]
    spread, column = _spread(project, status, found)
    own = next((each for each in column if each[1] == task.task_id), None)
    rank = _rank(column, before, after, project, own)
    assert rank is not None, "it was not there before either"
    return [*spread, e.TaskMoved(task.task_id, status, rank)]


def new_rank(
    project: Project, status: str, before: str | UnsetType, after: str | UnsetType
) -> tuple[list[e.Event], str]:
    """A rank for a task that is new in the column, and what has to happen before."""
    room_for(project, status, 1)
    rank = _rank(project.column(status), before, after, project, None)
    assert rank is not None, "only one that is there already needs none"
    if len(rank) <= limits.RANK_LENGTH:
        return [], rank
    spread, column = _spread(project, status, rank)
    again = _rank(column, before, after, project, None)
    assert again is not None, "as before"
    return spread, again


def arriving(
    project: Project,
    task_ids: list[str],
    status: str,
    before: str | UnsetType = UNSET,
    after: str | UnsetType = UNSET,
) -> list[e.Event]:
    """Several tasks together at one place, in this order; nothing where they stand so already."""
    leaving = set(task_ids)
    if leaving & {before, after}:
        raise errors.Contradiction
    now = project.column(status)
    room_for(project, status, sum(project.tasks[each].status != status for each in leaving))
    column = [place for place in now if place[1] not in leaving]
    index = _index(column, before, after, project)
    if [each for _, each in now[index : index + len(task_ids)]] == task_ids and len(now) - len(column) == len(
        leaving
    ):
        return []
    found = _ranks_at(column, index, len(task_ids))
    decided: list[e.Event] = []
    if max(map(len, found)) > limits.RANK_LENGTH:
        spread = dict(zip((each for _, each in column), ranks.many(None, None, len(column)), strict=True))
        decided = _rebalanced(project, status, spread)
        found = _ranks_at([(spread[each], each) for _, each in column], index, len(task_ids))
    return decided + [e.TaskMoved(each, status, rank) for each, rank in zip(task_ids, found, strict=True)]


def _ranks_at(column: list[ranks.Place], index: int, count: int) -> list[str]:
    """So many ranks right before the place of that index."""
    below, above = (column[index - 1][0] if index else None), (column[index][0] if index < len(column) else None)
    return ranks.many(below, above, count)


def room_for(project: Project, status: str, count: int) -> None:
    """WipLimitReached where so many more do not fit into the column."""
    for column in project.columns:
        if column.id == status and column.limit is not None and len(project.column(status)) + count > column.limit:
            if count:
                raise errors.WipLimitReached(column=status, limit=column.limit)
            return


def _spread(project: Project, status: str, wanted: str) -> tuple[list[e.Event], list[ranks.Place]]:
    column = project.column(status)
    spread = ranks.spread(column, bisect_left(column, (wanted, "")))
    return (
        _rebalanced(project, status, spread),
        [(spread.get(task_id, rank), task_id) for rank, task_id in column],
    )


def _rebalanced(project: Project, status: str, spread: dict[str, str]) -> list[e.Event]:
    changed = {task_id: rank for task_id, rank in spread.items() if project.tasks[task_id].rank != rank}
    return [e.ColumnRebalanced(project.project_id, status, changed)] if changed else []


def _rank(
    column: list[ranks.Place],
    before: str | UnsetType,
    after: str | UnsetType,
    project: Project,
    own: ranks.Place | None,
) -> str | None:
    if before is UNSET and after is UNSET:
        return ranks.last(column)
    return ranks.beside(column, _neighbour(column, before, project), _neighbour(column, after, project), own)


def _neighbour(column: list[ranks.Place], task_id: str | UnsetType, project: Project) -> ranks.Place | None:
    if task_id is UNSET:
        return None
    task = project.tasks.get(task_id)
    if task is not None:
        place = (task.rank, task_id)
        index = bisect_left(column, place)
        if index < len(column) and column[index] == place:
            return place
        for place in column:  # ranks that were just spread are not the task's own yet
            if place[1] == task_id:
                return place
    raise errors.NeighbourNotFound(taskId=task_id)


def _index(column: list[ranks.Place], before: str | UnsetType, after: str | UnsetType, project: Project) -> int:
    upper, lower = _neighbour(column, after, project), _neighbour(column, before, project)
    if upper and lower and upper >= lower:
        raise errors.Contradiction
    if upper:
        return bisect_left(column, upper) + 1
    return bisect_left(column, lower) if lower else len(column)
