"""The way from HTTP to the live projects: reads with the reader's right, commands through `submit`."""

from typing import Any

from litestar import MediaType, Response

from collabcampus.domain import commands as c
from collabcampus.domain.decide import require_member
from collabcampus.domain.project import Actor, Project
from collabcampus.http.access import Intent, SignedIn, etag
from collabcampus.identity import Identity
from collabcampus.live import views
from collabcampus.live.projects import Projects
from collabcampus.log.database import Database


class Door:
    """What every controller needs of the rooms behind it."""

    def __init__(self, database: Database, projects: Projects[Any], identity: Identity) -> None:
        self.database, self.projects, self.identity = database, projects, identity

    async def read(self, project_id: str, request: SignedIn) -> tuple[Project, views.Names]:
        """The project as it is now, for one of its members, and the members' names.

        Show it before the next `await`: it moves on.
        """
        state = await self.projects.read(project_id)
        require_member(state, Actor(request.user.user_id))
        names = await self.identity.names(state.members)
        require_member(state, Actor(request.user.user_id))
        return state, names

    async def submit(
        self, command: c.Command, intent: Intent, project_id: str | None = None, *, status: int = 200
    ) -> Response[Any]:
        """Carry a command out and answer with what it made or changed, and the position."""
        complete = await self.projects.completed(command, intent.actor)
        complete = await self.identity.resolve(complete, intent.actor)
        answer = await self.projects.submit(
            complete, intent.actor, project_id,
            command_id=intent.command_id, expected=intent.expected, asked=command,
        )  # fmt: skip
        names = await self.identity.names(views.people(answer))
        secret = self.identity.invitation_secret if isinstance(command, c.CreateInvitation) else None
        return as_json(views.outcome(answer, names, secret), answer.position, status)


def as_json(body: bytes, position: int, status: int = 200) -> Response[Any]:
    """JSON that is encoded already, read at this position."""
    return Response(body, media_type=MediaType.JSON, status_code=status, headers=etag(position))
