"""The past: a project as it was at a position or a moment, folded from the log and from nothing else.

Clocks of several nodes differ a little, so `at` need not rise with the position. The state of a moment is that of
the longest prefix of the log of which nothing is later: nobody is shown what its own time says came afterwards, and
a later moment never shows less than an earlier one. A moment to come shows what there is by now.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

from collabcampus.domain.errors import NotYetThere, Overloaded, PositionAhead, ProjectNotFound
from collabcampus.domain.project import Project, initial, merge
from collabcampus.log import read, snapshots
from collabcampus.log.database import Database

FOLDED_AT_ONCE = 2
"""Looks into the past of one door that are under way; the others wait. Each may read a whole history."""
WAITING = 100
"""Looks that wait for those; beyond, they are refused at once as `overloaded`."""
RETRY_AFTER_S = 1
PAGE = 500
"""Events folded without a pause, while others wait: some 15 ms."""

Moment: TypeAlias = Annotated[datetime, Meta(tz=True, description="RFC 3339, with an offset or Z")]
When: TypeAlias = int | datetime
"""A position, or a moment, which has a time zone."""

_WRITTEN = "SELECT rfc3339(at) FROM events WHERE project_id = %s AND position = %s"
_HEAD = "SELECT position FROM heads WHERE project_id = %s"
_BEFORE_LATER = "SELECT position - 1 FROM events WHERE project_id = %s AND at > %s ORDER BY position LIMIT 1"


class Was(Struct, frozen=True):
    """A project as it was: a state of the caller's own, and when its last event was written."""

    state: Project
    at: str


class Past:
    """The way to the past of all projects. It never touches what is live, and nothing that is live touches it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._folding = asyncio.Semaphore(FOLDED_AT_ONCE)
        self._asked = 0

    async def position_of(self, project_id: str, when: When) -> int:
        """The position that is meant. ProjectNotFound, NotYetThere before the first event, PositionAhead."""
        rows = await self._database.fetch(_HEAD, project_id)
        if not rows:
            raise ProjectNotFound
        head: int = rows[0][0]
        position = when if isinstance(when, int) else await self._at(project_id, when, head)
        if position < 1:
            raise NotYetThere
        if position > head:
            raise PositionAhead(head=head)
        return position

    async def _at(self, project_id: str, moment: datetime, head: int) -> int:
        rows = await self._database.fetch(_BEFORE_LATER, project_id, moment)
        return min(rows[0][0], head) if rows else head

    async def look(self, project_id: str, when: When) -> Was:
        """The project as it was then; a page of its history is in memory at a time.

        The errors are those of `position_of`, and Overloaded where too many look already.
        """
        position = await self.position_of(project_id, when)
        async with self._turn():
            state = await self._state(project_id, position)
        ((at,),) = await self._database.fetch(_WRITTEN, project_id, position)
        return Was(state, at)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._asked >= FOLDED_AT_ONCE + WAITING:
            raise Overloaded(retryAfter=RETRY_AFTER_S)
        self._asked += 1
        try:
            async with self._folding:
                yield
        finally:
            self._asked -= 1

    async def _state(self, project_id: str, position: int) -> Project:
        """From the stored snapshot where that is older, from the beginning otherwise."""
        stored = await snapshots.load(self._database, project_id)
        state = stored if stored and stored.head <= position else initial(project_id)
        while state.head < position:
            page = await read.events_after(
                self._database, project_id, state.head, min(PAGE, position - state.head)
            )  # fmt: skip
            if not page:
                raise PositionAhead(head=state.head)
            merge(state, page)
        return state


def moment(text: str) -> datetime:
    """A moment as people write it in a query or on the command line; ValueError for anything else."""
    return msgspec.convert(text, Moment)
