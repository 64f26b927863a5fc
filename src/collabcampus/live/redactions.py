"""What a node does when words were taken out of a project's log, or all of it was purged: it folds it anew, and its
clients look again; or it forgets it."""

from collections.abc import Collection
from functools import partial
from typing import Any

from collabcampus.domain.project import Project, initial, merge
from collabcampus.live import history
from collabcampus.live.project import LiveProject
from collabcampus.log import read
from collabcampus.log.database import Database


async def behind(database: Database, live: Collection[LiveProject[Any]]) -> list[LiveProject[Any]]:
    """Which of these were folded before a redaction, or are no more."""
    if not live:
        return []
    known = await read.redactions(database, [each.project_id for each in live])
    return [each for each in live if each.state.head and known.get(each.project_id) != each.redactions]


async def look_again(database: Database, live: LiveProject[Any]) -> None:
    """Fold the project anew up to where it is, and have everybody in its room join again."""
    await live.refreshed(partial(history.catch_up, database, live))  # whoever loads it has read the old or the new
    if not await behind(database, [live]):
        return
    redactions = (await read.redactions(database, [live.project_id])).get(live.project_id)
    if redactions is None:
        live.replace(initial(live.project_id), read.UNREDACTED)
        live.room.close("removed")
        return
    state = initial(live.project_id)
    while state.head < (head := live.state.head):
        await _fold(database, state, head)
    live.replace(state, redactions)
    live.room.resync(state.head)


async def _fold(database: Database, state: Project, until: int) -> None:
    """Bring a state up to a position that the log has."""
    while state.head < until:
        page = await read.events_after(database, state.project_id, state.head, min(read.PAGE, until - state.head))
        if not page:
            raise LookupError(f"the log of {state.project_id} ends before {until}")
        merge(state, page)
