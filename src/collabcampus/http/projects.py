"""Projects: making, editing, reading them, their members, their chat and their history."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from litestar.status_codes import HTTP_200_OK
from msgspec import Struct

from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.types import Role
from collabcampus.http.access import Intent, SignedIn, etag
from collabcampus.http.door import Door, as_json
from collabcampus.http.pages import LAST_POSITION, USUAL, Limit, Position, page
from collabcampus.live import views
from collabcampus.log import read

NDJSON = "application/x-ndjson"


class NewRole(Struct, frozen=True, forbid_unknown_fields=True):
    """Another role for a member."""

    role: Role


class ProjectsController(Controller):
    """`/api/projects` and what belongs to one project."""

    path = "/api/projects"
    tags = ("projects",)

    @get()
    async def mine(
        self,
        request: SignedIn,
        door: NamedDependency[Door],
        cursor: FromQuery[UUID | None] = None,
        limit: Limit = USUAL,
    ) -> dict[str, Any]:
        """My projects."""
        after = str(cursor) if cursor else None
        found = await read.projects_of(door.database, request.user.user_id, after, limit + 1)
        return page(found, limit, lambda item: item["projectId"])

    @post()
    async def create(
        self, data: JSONBody[c.CreateProject], intent: NamedDependency[Intent], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """Begin a project; I am its owner."""
        return await door.submit(data, intent, status=201)

    @get("/{project_id:uuid}")
    async def one(
        self, request: SignedIn, project_id: FromPath[UUID], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """The project without its tasks."""
        state, names = await door.read(str(project_id), request)
        return Response(views.project(state, names), headers=etag(state.head))

    @patch("/{project_id:uuid}")
    async def edit(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[c.EditProject],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Change its name or description."""
        return await door.submit(data, intent, str(project_id))

    @get("/{project_id:uuid}/board")
    async def board(
        self, request: SignedIn, project_id: FromPath[UUID], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """The whole board."""
        state, names = await door.read(str(project_id), request)
        return as_json(views.board(state, names), state.head)

    @get("/{project_id:uuid}/members")
    async def members(
        self, request: SignedIn, project_id: FromPath[UUID], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """The members: never more than fit one page."""
        state, names = await door.read(str(project_id), request)
        return Response({"items": views.members(state, names), "next": None}, headers=etag(state.head))

    @post("/{project_id:uuid}/members")
    async def add_member(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[c.AddMember],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Make somebody registered a member."""
        return await door.submit(data, intent, str(project_id), status=201)

    @patch("/{project_id:uuid}/members/{user_id:uuid}")
    async def change_member(
        self,
        project_id: FromPath[UUID],
        user_id: FromPath[UUID],
        data: JSONBody[NewRole],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Give a member another role."""
        return await door.submit(c.ChangeMember(str(user_id), data.role), intent, str(project_id))

    @delete("/{project_id:uuid}/members/{user_id:uuid}", status_code=HTTP_200_OK)
    async def remove_member(
        self,
        project_id: FromPath[UUID],
        user_id: FromPath[UUID],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Take a membership; one's own is leaving."""
        return await door.submit(c.RemoveMember(str(user_id)), intent, str(project_id))

    @post("/{project_id:uuid}/tasks")
    async def create_task(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[c.CreateTask],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Put a task on the board."""
        return await door.submit(data, intent, str(project_id), status=201)

    @get("/{project_id:uuid}/messages")
    async def messages(
        self,
        request: SignedIn,
        project_id: FromPath[UUID],
        door: NamedDependency[Door],
        cursor: Annotated[int | None, QueryParameter(ge=1, le=LAST_POSITION)] = None,
        limit: Limit = USUAL,
    ) -> dict[str, Any]:
        """The chat, newest first."""
        await door.read(str(project_id), request)
        found = await read.messages_before(door.database, str(project_id), cursor, limit + 1)
        return page(found, limit, lambda item: item["position"])

    @post("/{project_id:uuid}/messages")
    async def send_message(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[c.SendMessage],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Say something in the chat."""
        return await door.submit(data, intent, str(project_id), status=201)

    @get("/{project_id:uuid}/events")
    async def events(
        self,
        request: SignedIn,
        project_id: FromPath[UUID],
        door: NamedDependency[Door],
        after: Position = 0,
        limit: Limit = USUAL,
    ) -> Response[Any]:
        """The history, oldest first; as `application/x-ndjson` all of it, streamed."""
        state, _ = await door.read(str(project_id), request)
        if NDJSON in request.headers.get("accept", ""):
            return Stream(_lines(door, str(project_id), after), media_type=NDJSON, headers=etag(state.head))
        found = await read.events_after(door.database, str(project_id), after, limit + 1)
        shown = page([_shown(each) for each in found], limit, lambda item: item["position"])
        return Response(shown, headers=etag(state.head))


async def _lines(door: Door, project_id: str, after: int) -> AsyncIterator[bytes]:
    async for recorded in read.history(door.database, project_id, after):
        yield msgspec.json.encode(_shown(recorded)) + b"\n"


def _shown(recorded: e.Recorded) -> dict[str, Any]:
    return {
        "projectId": recorded.project_id,
        "position": recorded.position,
        "type": recorded.type,
        "key": recorded.event.key,
        "data": recorded.event,
        "actor": recorded.actor,
        "at": recorded.at,
        "commandId": recorded.command_id,
    }
