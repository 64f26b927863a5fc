"""Making a report of a project as the log has it."""

import asyncio

from collabcampus.domain import errors
from collabcampus.domain.decisions.checks import within
from collabcampus.live.reports import REPORTS, Row, period
from collabcampus.log import read
from collabcampus.log.database import Database


async def report(
    database: Database, project_id: str, until: int, name: str, since: str | None, to: str | None, now: str
) -> list[Row]:
    """A report over the events up to a position, of the days or moments from `since` to `to`.

    ReportNotFound, InvalidDate, or LimitReached for a history that is too long to be held in memory.
    """
    if name not in REPORTS:
        raise errors.ReportNotFound(reports=list(REPORTS))
    within("EVENTS_PER_REPORT", until)
    of_time = period(since, to, now)
    history = [each async for each in read.history(database, project_id, 0, until)]
    return await asyncio.to_thread(REPORTS[name], history, of_time)  # others' commands go on meanwhile
