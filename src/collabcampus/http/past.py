"""How a call names a moment of a project's past: by position or by time."""

from typing import Annotated

from litestar.params import QueryParameter

from collabcampus.http.access import bad
from collabcampus.http.pages import LAST_POSITION
from collabcampus.log.past import When, moment

MOMENT_LENGTH = 40

PastPosition = Annotated[
    int | None, QueryParameter(ge=0, le=LAST_POSITION, description="As it was right after this event")
]
PastMoment = Annotated[
    str | None,
    QueryParameter(
        max_length=MOMENT_LENGTH,
        description="As it was at this moment, in RFC 3339 such as `2026-11-25T10:00:00Z`; not beside `position`",
    ),
]


def when_of(position: int | None, at: str | None) -> When | None:
    """What is meant, None for now; a 400 where both are named, or it is no time."""
    if at is None:
        return position
    if position is not None:
        raise bad("at", "either position or at is expected, not both")
    try:
        return moment(at)
    except ValueError:
        raise bad("at", "a moment such as 2026-11-25T10:00:00Z is expected") from None
