"""Lists page by cursor: `{items, next}`, `next` null at the end."""

from typing import Annotated, Any, TypeVar

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
