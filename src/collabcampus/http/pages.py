"""Lists page by cursor: `{items, next}`, `next` null at the end."""

import re
from typing import Annotated, Any, TypeVar

from litestar.exceptions import ValidationException
from litestar.params import QueryParameter

MOST = 1_000
USUAL = 100

T = TypeVar("T")

LAST_POSITION = 2**53 - 1
"""No position is beyond: what JavaScript still counts exactly."""

Position = Annotated[int, QueryParameter(ge=0, le=LAST_POSITION)]
Limit = Annotated[int, QueryParameter(ge=1, le=MOST, description="How many at the most")]


def page(found: list[T], limit: int, cursor: Any) -> dict[str, Any]:
    """One page: `found` holds one more than `limit` where there is more; `cursor` names an item's place."""
    items = found[:limit]
    return {"items": items, "next": str(cursor(items[-1])) if len(found) > limit else None}


def cursor_of(*parts: object) -> str:
    """A place in a list that is sorted by several things."""
    return "~".join(map(str, parts))


def parts_of(cursor: str | None, *shapes: str) -> tuple[str, ...] | None:
    """The parts of such a place, each of which has the shape of a regular expression; 400 for anything else."""
    if cursor is None:
        return None
    parts = tuple(cursor.split("~"))
    if len(parts) != len(shapes) or not all(map(re.fullmatch, shapes, parts)):
        raise ValidationException(extra=[{"key": "cursor", "message": "the `next` of a page before is expected"}])
    return parts
