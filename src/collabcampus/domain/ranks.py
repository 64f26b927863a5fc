"""Where a task stands in its column: fractional indices, sorted bytewise."""

from bisect import bisect_left

from fractional_indexing import generate_key_between

from collabcampus.domain import errors

Place = tuple[str, str]
"""(rank, task id); a column is a sorted list of them."""


def between(below: str | None, above: str | None) -> str:
    """A rank that sorts after `below` and before `above`; None is the column's end on that side."""
    return str(generate_key_between(below, above))


def last(column: list[Place]) -> str:
    """A rank after everything in the column."""
    return between(column[-1][0] if column else None, None)


def beside(column: list[Place], before: Place | None, after: Place | None) -> str:
    """A rank right before one place, right after another, or between the two.

    Raises Contradiction when the place named `before` does not come after the one named `after`.
    """
    if before and after:
        if after >= before:
            raise errors.Contradiction
        before = None  # right after the one: a rank between the two might be a third task's
    if before:
        index = bisect_left(column, before)
        return between(column[index - 1][0] if index else None, before[0])
    assert after, "one neighbour is named"
    index = bisect_left(column, after) + 1
    return between(after[0], column[index][0] if index < len(column) else None)
