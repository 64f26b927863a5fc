"""A project as it was."""

from msgspec import UNSET, structs

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain.decisions.checks import end_of, real_day
from collabcampus.domain.project import Project, initial, merge
from collabcampus.live import copies
from collabcampus.log import read
from collabcampus.log.database import Database


async def with_original(
    database: Database, project: Project | None, command: c.ForkProject, fresh_id: copies.FreshId
) -> c.ForkProject:
    """The fork with what it is made of; as it is where there is no such project for the actor."""
    if project is None:
        return command
    past = await as_it_was(database, project, command)
    return structs.replace(command, original=copies.of_project(past, fresh_id, with_tasks=True))


async def as_it_was(database: Database, project: Project, wanted: c.ForkProject) -> Project:
    """The project at a position or at a time, a day's end with a day; now where neither is named.

    InvalidPayload for a position that it has not reached, or a time before it began.
    """
    real_day(wanted.at)
    project_id, head = project.project_id, project.head
    position = head if wanted.position is UNSET else wanted.position
    if position > head:
        raise errors.InvalidPayload(reason=f"the project is at position {head}")
    end = None if wanted.at is UNSET else end_of(wanted.at)
    past = initial(project_id)
    async for recorded in read.history(database, project_id, 0, position):
        if end and recorded.at > end:
            break
        merge(past, (recorded,))
    if not past.head:
        raise errors.InvalidPayload(reason="the project began later")
    return past
