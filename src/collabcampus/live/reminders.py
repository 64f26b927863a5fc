"""Due soon: each task's assignees are reminded once for each due date, by an event like any other."""

from datetime import datetime, timedelta
from typing import Any

from collabcampus.domain import commands as c
from collabcampus.domain.errors import Refused
from collabcampus.domain.project import Actor
from collabcampus.live.ids import uuid_of
from collabcampus.live.projects import Projects
from collabcampus.log import persons
from collabcampus.log.database import Database

DUE_SOON = timedelta(hours=24)
AT_ONCE = 200
SYSTEM = Actor(persons.NOBODY)


async def remind(database: Database, projects: Projects[Any], now: str) -> int:
    """Remind people of what is due within a day from `now` (RFC 3339): of how many tasks.

    Every node may do so at any time: the commandId follows from task and date, so it happens once.
    """
    until = (datetime.fromisoformat(now) + DUE_SOON).isoformat(timespec="seconds").replace("+00:00", "Z")
    due = await persons.due_until(database, until, AT_ONCE)
    for project_id, task_id, day in due:
        command_id = uuid_of(f"due/{task_id}/{day}")
        try:
            await projects.submit(c.RemindDue(task_id, day), SYSTEM, project_id, command_id=command_id)
        except Refused:
            continue  # gone, or somewhere else, by now
    return len(due)
