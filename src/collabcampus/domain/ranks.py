"""Where a task stands in its column: fractional indices, sorted bytewise."""

from bisect import bisect_left

from fractional_indexing import generate_key_between, generate_n_keys_between

from collabcampus.domain import errors, limits

Place = tuple[str, str]
"""(rank, task id); a column is a sorted list of them."""


def between(below: str | None, above: str | None) -> str:
    """A rank that sorts after `below` and before `above`; None is the column's end on that side."""
    return str(generate_key_between(below, above))


def many(below: str | None, above: str | None, count: int) -> list[str]:
    """So many ranks in order between the two."""
    return list(generate_n_keys_between(below, above, count))


def spread(column: list[Place], index: int) -> dict[str, str]:
    """Shorter ranks, by id, for as many places around `index` as it takes; the order stays."""
    reach = 8
    while True:
        first, end = max(0, index - reach), min(len(column), index + reach)
        below, above = _at(column, first - 1), _at(column, end)
        ranks = many(below and below[0], above and above[0], end - first)
        if max(map(len, ranks), default=0) <= limits.SPREAD_RANK_LENGTH or end - first == len(column):
            return {task_id: rank for (_, task_id), rank in zip(column[first:end], ranks, strict=True)}
        reach *= 4


def last(column: list[Place]) -> str:
    """A rank after everything in the column."""
    return between(column[-1][0] if column else None, None)


def beside(column: list[Place], before: Place | None, after: Place | None, own: Place | None = None) -> str | None:
    """A rank right before one place, right after another, or between the two; None where `own` is there already.

    Raises Contradiction when the place named `before` does not come after the one named `after`.
    """
    if before and after and after >= before:
        raise errors.Contradiction
    if after:  # with both named too: a rank between the two might be a third task's
        above = _at(column, bisect_left(column, after) + 1)
        return None if own and above == own else between(after[0], above and above[0])
    assert before, "one neighbour is named"
    below = _at(column, bisect_left(column, before) - 1)
    return None if own and below == own else between(below and below[0], before[0])


def _at(column: list[Place], index: int) -> Place | None:
    return column[index] if 0 <= index < len(column) else None
