"""A project as it was, for a fork of it."""

from datetime import UTC, date, datetime, time

from msgspec import UNSET, structs

from collabcampus.domain import commands as c
from collabcampus.domain.decisions.checks import real_day
from collabcampus.domain.project import Project
from collabcampus.live import copies
from collabcampus.log.past import Past, When


async def with_original(
    past: Past, project: Project | None, command: c.ForkProject, fresh_id: copies.FreshId
) -> c.ForkProject:
    """The fork with what it is made of; as it is where there is no such project for the actor.

    The errors are those of `Past.look`, and InvalidDate.
    """
    if project is None:
        return command
    project_id = project.project_id
    position = min([await past.position_of(project_id, when) for when in _named(command)], default=project.head)
    was = (await past.look(project_id, position)).state
    return structs.replace(command, original=copies.of_project(was, fresh_id, with_tasks=True))


def _named(command: c.ForkProject) -> list[When]:
    """What the fork says of the past, a day's end with a day; nothing for now."""
    named: list[When] = [] if command.position is UNSET else [command.position]
    if command.at is not UNSET:
        real_day(command.at)
        whole = "T" not in command.at
        named.append(
            datetime.combine(date.fromisoformat(command.at), time.max, UTC)
            if whole
            else datetime.fromisoformat(command.at)
        )
    return named
