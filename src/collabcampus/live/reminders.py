"""Due soon: each task's assignees are reminded once for each due date, by an event like any other."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog

from collabcampus.domain import commands as c
from collabcampus.domain.errors import Busy, NotFound
from collabcampus.domain.project import Actor
from collabcampus.live.projects import Projects
from collabcampus.log import persons
from collabcampus.log.database import Database

REMIND_EACH_S = 60.0
DUE_SOON = timedelta(hours=24)
AT_ONCE = 200
SYSTEM = Actor(persons.NOBODY)


async def remind(database: Database, projects: Projects[Any], now: str) -> int:
    """Remind people of what is due within a day from `now` (RFC 3339): of how many tasks. A Busy where the log is out
    of reach.

    Every node may do so at any time: a reminder that is in the log already decides nothing.
    """
    until = (datetime.fromisoformat(now) + DUE_SOON).isoformat(timespec="seconds").replace("+00:00", "Z")
    due = await persons.due_until(database, until, AT_ONCE)
    for project_id, task_id, day in due:
        try:
            await projects.submit(c.RemindDue(task_id, day), SYSTEM, project_id)
        except NotFound:
            continue  # gone by now
    return len(due)


async def reminding(database: Database, projects: Projects[Any], now: Callable[[], str]) -> None:
    """Remind people now and then, beside everything else; an outage is waited out."""
    while True:
        try:
            with suppress(Busy):
                await remind(database, projects, now())
        except Exception:
            structlog.get_logger(__name__).exception("reminding_failed")
        await asyncio.sleep(REMIND_EACH_S)
