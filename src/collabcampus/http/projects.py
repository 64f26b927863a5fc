"""Projects: making, editing, putting away, reading them, their boards and their histories."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Literal, Never, TypeAlias
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK

from collabcampus.domain import commands as c
from collabcampus.http.access import Intent, Reader, etag
from collabcampus.http.bodies import Body
from collabcampus.http.door import Door, shown
from collabcampus.http.pages import USUAL, Limit, Position, page
from collabcampus.http.past import PastMoment, PastPosition, when_of
from collabcampus.identity.tokens import READ
from collabcampus.live import views
from collabcampus.log import read

NewProject: TypeAlias = Body[c.CreateProject, Never]
WantedFork: TypeAlias = Body[c.ForkProject, Literal["fork_of"]]
NDJSON = "application/x-ndjson"


class ProjectsController(Controller):
    """`/api/projects`."""

    path = "/api/projects"
    tags = ("projects",)

    @get()
    async def list_projects(
        self,
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        archived: FromQuery[bool] = False,
        cursor: FromQuery[UUID | None] = None,
        limit: Limit = USUAL,
    ) -> dict[str, Any]:
        """My projects: those in use, or those put away."""
        after = str(cursor) if cursor else None
        found = await read.projects_of(door.database, reader.actor.user_id, archived, after, limit + 1)
        return page(found, limit, lambda item: item["projectId"])

    @post()
    async def create_project(
        self, data: JSONBody[NewProject], intent: NamedDependency[Intent], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """Begin a project; I am its owner."""
        return await door.submit(data.command(), intent, status=201)

    @get("/{project_id:uuid}")
    async def read_project(
        self, project_id: FromPath[UUID], reader: NamedDependency[Reader], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """The project without its tasks."""
        state, names = await door.read(str(project_id), reader)
        return shown(reader, state.head, lambda: views.project(state, names))

    @patch("/{project_id:uuid}")
    async def edit_project(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[c.EditProject],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Change its name or description."""
        return await door.submit(data, intent, str(project_id))

    @delete("/{project_id:uuid}", status_code=HTTP_200_OK)
    async def archive_project(
        self, project_id: FromPath[UUID], intent: NamedDependency[Intent], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """Put the project away: it can be read and restored, and nothing else."""
        return await door.submit(c.ArchiveProject(), intent, str(project_id))

    @post("/{project_id:uuid}/restore", status_code=HTTP_200_OK)
    async def restore_project(
        self, project_id: FromPath[UUID], intent: NamedDependency[Intent], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """Use an archived project again."""
        return await door.submit(c.RestoreProject(), intent, str(project_id))

    @post("/{project_id:uuid}/forks")
    async def fork_project(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[WantedFork],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Begin a project of what this one was at a position or a time, or is now; I am its owner."""
        return await door.submit(data.command(fork_of=str(project_id)), intent, status=201)

    @get("/{project_id:uuid}/board")
    async def read_board(
        self,
        project_id: FromPath[UUID],
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        position: PastPosition = None,
        at: PastMoment = None,
    ) -> Response[dict[str, Any]]:
        """The whole board; with `position` or `at`, as it was then.

        The `ETag` is that position. Who may read the project now may see all of its past.
        """
        when = when_of(position, at)
        if when is None:
            return await door.board(str(project_id), reader)
        return await door.past_board(str(project_id), reader, when)

    @get("/{project_id:uuid}/events")
    async def list_events(
        self,
        request: Request[Any, Any, Any],
        project_id: FromPath[UUID],
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        after: Position = 0,
        limit: Limit = USUAL,
        follow: FromQuery[bool] = False,
    ) -> Response[Any]:
        """The history, oldest first; as `application/x-ndjson` all of it, streamed.

        With `follow` it is streamed so, and stays open for what comes; there are empty lines in between. It ends when
        I may read it no longer, or the server stops: go on `after` the last position.
        """
        state, _ = await door.read(str(project_id), reader)
        head = state.head  # now: what is read next is as new as this, or newer
        if follow:
            door.followers.admit()
            return Stream(_followed(door, str(project_id), after, reader, request.auth), media_type=NDJSON)
        if NDJSON in request.headers.get("accept", ""):
            return Stream(_lines(door, str(project_id), after, head), media_type=NDJSON, headers=etag(head))
        found = await read.events_after(door.database, str(project_id), after, limit + 1)
        items = [views.event(each) for each in found if each.position <= head]
        return shown(reader, head, lambda: page(items, limit, lambda item: item["position"]))


async def _lines(door: Door, project_id: str, after: int, until: int) -> AsyncIterator[bytes]:
    """No further than the reader was a member for certain, however slowly they read."""
    async for recorded in read.history(door.database, project_id, after, until):
        yield msgspec.json.encode(views.event(recorded)) + b"\n"


async def _followed(door: Door, project_id: str, after: int, reader: Reader, token: str) -> AsyncIterator[bytes]:
    async def permit() -> None:
        (await door.identity.claims(token)).require(READ)

    following = door.followers.follow(door.database, door.projects, project_id, after, reader.actor, permit)
    async with aclosing(following):
        async for page in following:
            yield b"".join(msgspec.json.encode(views.event(each)) + b"\n" for each in page) or b"\n"
