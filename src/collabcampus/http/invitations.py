"""Invitations: ways into a project, for its owners to make and for the invited to take."""

from typing import Any, Literal, Never, TypeAlias
from uuid import UUID

from litestar import Controller, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.status_codes import HTTP_200_OK

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain.project import Project
from collabcampus.http.access import Intent, Reader
from collabcampus.http.bodies import Body
from collabcampus.http.door import Door, shown
from collabcampus.http.pages import MOST, Limit, part
from collabcampus.live import views

NewInvitation: TypeAlias = Body[c.CreateInvitation, Never]
Acceptance: TypeAlias = Body[c.AcceptInvitation, Literal["invitation_id"]]


class InvitationsController(Controller):
    """`/api/projects/{id}/invitations`."""

    path = "/api/projects/{project_id:uuid}/invitations"
    tags = ("invitations",)

    @get()
    async def list_invitations(
        self,
        project_id: FromPath[UUID],
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        cursor: FromQuery[str | None] = None,
        limit: Limit = MOST,
    ) -> Response[dict[str, Any]]:
        """The invitations there are, without their secrets: for owners."""
        state, _ = await door.read(str(project_id), reader)
        _require_owner(state, reader)
        invitations = list(map(views.invitation, state.invitations.values()))
        return shown(reader, state.head, lambda: part(invitations, limit, cursor, lambda each: each["invitationId"]))

    @post()
    async def create_invitation(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[NewInvitation],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Invite by link, or, with an address, whoever has verified it as theirs. Here alone is the `secret` told."""
        return await door.submit(data.command(), intent, str(project_id), status=201)

    @delete("/{invitation_id:uuid}", status_code=HTTP_200_OK)
    async def revoke_invitation(
        self,
        project_id: FromPath[UUID],
        invitation_id: FromPath[UUID],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Let nobody come in by an invitation any more."""
        return await door.submit(c.RevokeInvitation(str(invitation_id)), intent, str(project_id))

    @post("/{invitation_id:uuid}/accept", status_code=HTTP_200_OK)
    async def accept_invitation(
        self,
        project_id: FromPath[UUID],
        invitation_id: FromPath[UUID],
        data: JSONBody[Acceptance],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Come into the project: the invited person's own act."""
        return await door.submit(data.command(invitation_id=str(invitation_id)), intent, str(project_id))


def _require_owner(state: Project, reader: Reader) -> None:
    role = state.role_of(reader.actor.user_id)
    if role != "owner":
        raise errors.RoleTooLow(role=role, least="owner")
