"""The members of a project and their roles."""

from typing import Any, Literal, TypeAlias
from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.status_codes import HTTP_200_OK

from collabcampus.domain import commands as c
from collabcampus.http.access import Intent, Reader
from collabcampus.http.bodies import Body
from collabcampus.http.door import Door, shown
from collabcampus.http.pages import MOST, Limit, part
from collabcampus.live import views

MemberChanges: TypeAlias = Body[c.ChangeMember, Literal["user_id"]]


class MembersController(Controller):
    """`/api/projects/{id}/members`."""

    path = "/api/projects/{project_id:uuid}/members"
    tags = ("members",)

    @get()
    async def list_members(
        self,
        project_id: FromPath[UUID],
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        former: FromQuery[bool] = False,
        cursor: FromQuery[str | None] = None,
        limit: Limit = MOST,
    ) -> Response[dict[str, Any]]:
        """The members in the order they came; or the former ones, whose messages are still there."""
        state, names = await door.read(str(project_id), reader)
        gone = await door.identity.names(state.former) if former else {}
        people = views.former(state, gone) if former else views.members(state, names)
        return shown(reader, state.head, lambda: part(people, limit, cursor, lambda each: each["userId"]))

    @post()
    async def add_member(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[c.AddMember],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Make somebody registered a member."""
        return await door.submit(data, intent, str(project_id), status=201)

    @patch("/{user_id:uuid}")
    async def change_member(
        self,
        project_id: FromPath[UUID],
        user_id: FromPath[UUID],
        data: JSONBody[MemberChanges],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Give a member another role."""
        return await door.submit(data.command(user_id=str(user_id)), intent, str(project_id))

    @delete("/{user_id:uuid}", status_code=HTTP_200_OK)
    async def remove_member(
        self,
        project_id: FromPath[UUID],
        user_id: FromPath[UUID],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Take a membership and its assignments; one's own is leaving."""
        return await door.submit(c.RemoveMember(str(user_id)), intent, str(project_id))

    @post("/{user_id:uuid}/ownership", status_code=HTTP_200_OK)
    async def transfer_ownership(
        self,
        project_id: FromPath[UUID],
        user_id: FromPath[UUID],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Make a member an owner in one's own place; one stays an editor."""
        return await door.submit(c.TransferOwnership(str(user_id)), intent, str(project_id))
