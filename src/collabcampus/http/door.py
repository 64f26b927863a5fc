"""The way from HTTP to the live projects: reads with the reader's right, commands through `submit`."""

from collections.abc import Callable
from typing import Any

from litestar import MediaType, Response
from litestar.status_codes import HTTP_304_NOT_MODIFIED

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain.decide import require_member
from collabcampus.domain.decisions.checks import task_of
from collabcampus.domain.project import Project
from collabcampus.domain.things import Task
from collabcampus.http.access import Intent, Reader, etag
from collabcampus.http.following import Followers
from collabcampus.identity import Identity
from collabcampus.live import views
from collabcampus.live.projects import Projects
from collabcampus.log.database import Database
from collabcampus.log.past import When


class Door:
    """What every controller needs of the rooms behind it."""

    def __init__(
        self, database: Database, projects: Projects[Any], identity: Identity, followers: Followers | None = None
    ) -> None:
        self.database, self.projects, self.identity = database, projects, identity
        self.followers = followers or Followers()

    async def read(self, project_id: str, reader: Reader) -> tuple[Project, views.Names]:
        """The project as it is now, for one of its members, and the members' names.

        Show it before the next `await`: it moves on.
        """
        async with self.projects.using(project_id) as live:
            require_member(live.state, reader.actor)
            names = await self.identity.names(live.state.members)
            require_member(live.state, reader.actor)
            reader.distrust(live.redactions.head)
            return live.state, names

    async def board(self, project_id: str, reader: Reader) -> Response[Any]:
        """The board, encoded once for each head and shared by all who are shown it."""
        async with self.projects.using(project_id) as live:
            require_member(live.state, reader.actor)
            names = await self.identity.names(live.state.members)
            require_member(live.state, reader.actor)
            reader.distrust(live.redactions.head)
            return shown(reader, live.state.head, lambda: live.board(names))

    async def past_board(self, project_id: str, reader: Reader, when: When) -> Response[Any]:
        """The board as it was, for one of the project's members of now."""
        await self.read(project_id, reader)
        was = (await self.projects.past.look(project_id, when)).state
        names = await self.identity.names(was.members)
        await self.read(project_id, reader)
        return shown(reader, was.head, lambda: views.board(was, names))

    async def read_task(self, task_id: str, reader: Reader) -> tuple[Project, Task]:
        """A task and the project that it is in; TaskNotFound for whoever has no place there, too."""
        try:
            state, _ = await self.read(await self.projects.project_of(task_id), reader)
        except errors.ProjectNotFound:
            raise errors.TaskNotFound from None
        return state, task_of(state, task_id)

    async def submit(
        self, command: c.Command, intent: Intent, project_id: str | None = None, *, status: int = 200
    ) -> Response[Any]:
        """Carry a command out and answer with what it made or changed, and the position."""
        complete = await self.projects.completed(command, intent.actor, project_id)
        complete = await self.identity.resolve(complete, intent.actor)
        answer = await self.projects.submit(
            complete, intent.actor, project_id,
            command_id=intent.command_id, expected=intent.expected, asked=command,
        )  # fmt: skip
        names = await self.identity.names(views.people(answer))
        secret = self.identity.invitation_secret if isinstance(command, c.CreateInvitation) else None
        return as_json(views.outcome(answer, names, secret), answer.position, status)


def shown(reader: Reader, position: int, show: Callable[[], Any]) -> Response[Any]:
    """What `show` makes of a project at a position, plain data or JSON in bytes; 304 where the reader holds it."""
    if reader.holds(position):
        return Response(None, status_code=HTTP_304_NOT_MODIFIED, headers=etag(position))
    return Response(show(), media_type=MediaType.JSON, headers=etag(position))


def as_json(body: bytes, position: int, status: int = 200) -> Response[Any]:
    """JSON that is encoded already, read at this position."""
    return Response(body, media_type=MediaType.JSON, status_code=status, headers=etag(position))
