"""Leaving all projects at once, before an account is closed."""

from typing import Any

from collabcampus.domain import commands as c
from collabcampus.domain.errors import LastOwner
from collabcampus.domain.project import Actor
from collabcampus.live.projects import Projects
from collabcampus.log import persons
from collabcampus.log.database import Database


async def leave_all(database: Database, projects: Projects[Any], actor: Actor, *, orphaning: bool = False) -> None:
    """Leave every project; where `orphaning`, all but those that would have no owner. Otherwise LastOwner, with those
    `projects` in use: none is left before they have another. Archived ones of which somebody is the last owner keep
    them, as somebody unnamed.

    Done again where it was interrupted, it goes on.
    """
    while memberships := await persons.memberships_of(database, actor.user_id):
        owned = [each for each in memberships if each.last_owner]
        kept = [{"projectId": each.project_id, "name": each.name} for each in owned if not each.archived]
        if kept and not orphaning:
            raise LastOwner(projects=kept)
        left = [each for each in memberships if not each.last_owner]
        if not left:
            return
        for each in left:
            await projects.submit(c.RemoveMember(actor.user_id), actor, each.project_id)
