"""What administrators do: about people, the security log, and projects that nobody owns any more.

Nothing here shows what is in a project: to be an administrator is no place in one.
"""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers.base import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK
from msgspec import Struct

from collabcampus.domain import commands as c
from collabcampus.domain.types import Id
from collabcampus.http.access import Intent, SignedIn, bad
from collabcampus.http.door import Door, as_json
from collabcampus.http.pages import LAST_POSITION, USUAL, Limit, page
from collabcampus.identity import Identity
from collabcampus.identity.administration import Person
from collabcampus.identity.errors import NotToOneself
from collabcampus.identity.security_log import KINDS, OWNER_APPOINTED, Wanted
from collabcampus.identity.tokens import ACCOUNT
from collabcampus.live import views
from collabcampus.log import orphans

LONGEST_Q = 200
A_MOMENT = "A moment such as 2026-11-25T12:00:00Z"


class PersonChanges(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What is to change about a person; what is left out stays."""

    disabled: bool | None = None
    admin: bool | None = None


class NewOwner(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Who is to own the project: anybody registered who is not disabled."""

    user_id: Id


async def administrators_alone(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Let administrators by, and nobody else."""
    identity: Identity = connection.app.state.identity
    await identity.administration.require(connection.user.user_id)


class AdminController(Controller):
    """`/api/admin`: for administrators who are signed in themselves."""

    path = "/api/admin"
    tags = ("administration",)
    guards = (administrators_alone,)
    opt = {"scope": ACCOUNT, "administrators": True}

    @get("/people")
    async def list_people(
        self,
        identity: NamedDependency[Identity],
        q: Annotated[str, QueryParameter(max_length=LONGEST_Q, description="A part of an address or a name")] = "",
        cursor: FromQuery[UUID | None] = None,
        limit: Limit = USUAL,
    ) -> dict[str, Any]:
        """Who is registered, in the order they came."""
        after = str(cursor) if cursor else None
        found = await identity.administration.people(_text("q", q), after, limit + 1)
        return page(found, limit, lambda each: each.user_id)

    @patch("/people/{user_id:uuid}")
    async def change_person(
        self,
        user_id: FromPath[UUID],
        data: JSONBody[PersonChanges],
        request: SignedIn,
        identity: NamedDependency[Identity],
    ) -> Person:
        """Disable or enable somebody, make them an administrator or not.

        Whoever is disabled is out at once; once they are enabled their API tokens work again, and they sign in anew.
        """
        return await identity.administration.change(
            str(user_id), request.user.user_id, admin=data.admin, disabled=data.disabled
        )

    @delete("/people/{user_id:uuid}/sessions", status_code=HTTP_200_OK)
    async def end_sessions(
        self, user_id: FromPath[UUID], request: SignedIn, identity: NamedDependency[Identity]
    ) -> dict[str, int]:
        """End all sessions of somebody, API tokens too: how many."""
        return {"ended": await identity.administration.end_sessions(str(user_id), request.user.user_id)}

    @get("/security-log")
    async def read_security_log(
        self,
        identity: NamedDependency[Identity],
        kind: Annotated[str | None, QueryParameter(max_length=50)] = None,
        user_id: Annotated[UUID | None, QueryParameter(name="userId", description="Whom it happened to")] = None,
        since: Annotated[str | None, QueryParameter(description=f"{A_MOMENT}, itself included")] = None,
        until: Annotated[str | None, QueryParameter(description=f"{A_MOMENT}, itself not included")] = None,
        cursor: Annotated[int | None, QueryParameter(ge=0, le=LAST_POSITION)] = None,
        limit: Limit = USUAL,
    ) -> dict[str, Any]:
        """What happened that matters to security, the last first."""
        wanted = Wanted(
            _kind(kind), str(user_id) if user_id else None,
            _moment("since", since), _moment("until", until),
        )  # fmt: skip
        found = await identity.security.entries(wanted, cursor, limit + 1)
        return page(found, limit, lambda each: each.entry)

    @get("/projects/orphaned")
    async def list_orphaned_projects(
        self, door: NamedDependency[Door], cursor: FromQuery[UUID | None] = None, limit: Limit = USUAL
    ) -> dict[str, Any]:
        """Projects whose owners are all disabled or gone: who they were, and who else is there."""
        found = await orphans.orphaned(door.database, str(cursor) if cursor else None, limit + 1)
        names = await door.identity.names({each for item in found for each in (*item["owners"], *item["members"])})
        for item in found:
            for part in ("owners", "members"):
                item[part] = [{"userId": each, "name": names.get(each, "")} for each in item[part]]
        return page(found, limit, lambda item: item["projectId"])

    @post("/projects/{project_id:uuid}/owner", status_code=HTTP_200_OK)
    async def appoint_owner(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[NewOwner],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Give a project without an active owner to somebody else; where there is one, it is theirs to give."""
        if data.user_id == intent.actor.user_id:
            raise NotToOneself
        await door.identity.administration.require_active(data.user_id)
        owners = [each.user_id for each in (await door.projects.read(str(project_id))).members.values()
                  if each.role == "owner"]  # fmt: skip
        asked = c.AppointOwner(data.user_id)
        command = c.AppointOwner(data.user_id, await orphans.inactive(door.database, owners))
        answer = await door.projects.submit(
            command, intent.actor, str(project_id),
            command_id=intent.command_id, expected=intent.expected, asked=asked,
        )  # fmt: skip
        if answer.events:
            door.identity.security.record(
                OWNER_APPOINTED, user_id=data.user_id, actor_id=intent.actor.user_id, project_id=str(project_id)
            )
        names = await door.identity.names(views.people(answer))
        return as_json(views.outcome(answer, names), answer.position)


def _text(name: str, value: str) -> str:
    """What PostgreSQL takes as text; a 400 otherwise."""
    if "\0" in value or not value.isprintable():
        raise bad(name, "printable text is expected")
    return value


def _kind(kind: str | None) -> str | None:
    """One that there is; a 400 for any other, which would be found nowhere."""
    if kind is not None and kind not in KINDS:
        raise bad("kind", "one of the kinds in docs/administration.md is expected")
    return kind


def _moment(name: str, value: str | None) -> str | None:
    """A moment in UTC, which it is in where it names no zone; a 400 for anything else."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise bad(name, f"{A_MOMENT} is expected") from None
