"""Memberships that an identity provider's groups give: brought in line whenever their person signs in."""

from collections.abc import Mapping
from typing import Any

import structlog

from collabcampus.domain import commands as c
from collabcampus.domain.errors import Busy, Refused
from collabcampus.domain.project import Actor
from collabcampus.domain.types import Role
from collabcampus.live.projects import Projects
from collabcampus.log import persons
from collabcampus.log.database import Database

_logger = structlog.get_logger(__name__)


async def follow(
    database: Database, projects: Projects[Any], user_id: str, provider: str, roles: Mapping[str, Role]
) -> None:
    """Give somebody these roles by project, and take what the provider's groups gave before and give no more.

    A Busy where the log is out of reach. What a project refuses, such as losing its last owner, is written down and
    keeps nobody from signing in.
    """
    given = await persons.given_by(database, user_id, provider)
    for project_id in sorted({*roles, *given}):
        try:
            command = c.FollowGroups(provider, roles.get(project_id))
            await projects.submit(command, Actor(user_id), project_id)
        except Busy:
            raise
        except Refused as refused:
            _logger.warning("groups_not_followed", project_id=project_id, user_id=user_id, code=refused.code)
