"""Lists page by cursor: `{items, next}`, `next` null at the end."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from litestar.params import QueryParameter

from collabcampus.http.access import bad

MOST = 1_000
USUAL = 100

AN_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
A_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"

T = TypeVar("T")

LAST_POSITION = 2**53 - 1
"""No position is beyond: what JavaScript still counts exactly."""

Position = Annotated[int, QueryParameter(ge=0, le=LAST_POSITION)]
Limit = Annotated[int, QueryParameter(ge=1, le=MOST, description="How many at the most")]


def page(found: list[T], limit: int, cursor: Any) -> dict[str, Any]:
    """One page: `found` holds one more than `limit` where there is more; `cursor` names an item's place."""
    items = found[:limit]
    return {"items": items, "next": str(cursor(items[-1])) if len(found) > limit else None}


def part(things: Sequence[T], limit: int, cursor: str | None, key: Callable[[T], str]) -> dict[str, Any]:
    """A page of a list that keeps its own order: what follows the thing whose key `cursor` is.

    A 400 where that is gone meanwhile: the reader begins anew.
    """
    keys = [key(each) for each in things]
    if cursor is not None and cursor not in keys:
        raise bad("cursor", "what it named is gone; begin anew")
    start = 0 if cursor is None else keys.index(cursor) + 1
    return page(list(things[start : start + limit + 1]), limit, key)


def cursor_of(*parts: object) -> str:
    """A place in a list that is sorted by several things."""
    return "~".join(map(str, parts))


def parts_of(cursor: str | None, *shapes: str) -> tuple[str, ...] | None:
    """The parts of such a place, each of which has the shape of a regular expression; 400 for anything else."""
    if cursor is None:
        return None
    parts = tuple(cursor.split("~"))
    if len(parts) != len(shapes) or not all(map(re.fullmatch, shapes, parts)):
        raise bad("cursor", "the `next` of a page before is expected")
    return parts
