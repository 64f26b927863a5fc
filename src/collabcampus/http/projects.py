"""Projects: making, editing, putting away, reading them, their boards and their histories."""

from collections.abc import AsyncIterator
from typing import Any, Literal, Never, TypeAlias
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK

from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.http.access import Intent, Reader, etag
from collabcampus.http.bodies import Body
from collabcampus.http.door import Door, shown
from collabcampus.http.pages import USUAL, Limit, Position, page
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
        self, project_id: FromPath[UUID], reader: NamedDependency[Reader], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """The whole board."""
        return await door.board(str(project_id), reader)

    @get("/{project_id:uuid}/events")
    async def list_events(
        self,
        request: Request[Any, Any, Any],
        project_id: FromPath[UUID],
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        after: Position = 0,
        limit: Limit = USUAL,
    ) -> Response[Any]:
        """The history, oldest first; as `application/x-ndjson` all of it, streamed."""
        state, _ = await door.read(str(project_id), reader)
        head = state.head  # now: what is read next is as new as this, or newer
        if NDJSON in request.headers.get("accept", ""):
            return Stream(_lines(door, str(project_id), after, head), media_type=NDJSON, headers=etag(head))
        found = await read.events_after(door.database, str(project_id), after, limit + 1)
        items = [_shown(each) for each in found if each.position <= head]
        return shown(reader, head, lambda: page(items, limit, lambda item: item["position"]))


async def _lines(door: Door, project_id: str, after: int, until: int) -> AsyncIterator[bytes]:
    """No further than the reader was a member for certain, however slowly they read."""
    async for recorded in read.history(door.database, project_id, after, until):
        yield msgspec.json.encode(_shown(recorded)) + b"\n"


def _shown(recorded: e.Recorded) -> dict[str, Any]:
    return {
        "projectId": recorded.project_id,
        "position": recorded.position,
        "type": recorded.type,
        "key": recorded.event.key,
        "data": msgspec.Raw(views.changes(recorded)),
        "actor": recorded.actor,
        "at": recorded.at,
        "commandId": recorded.command_id,
    }
