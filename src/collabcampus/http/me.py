"""What concerns me, across projects: my tasks, notifications, and what I have not read."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK
from msgspec import Meta, Struct

from collabcampus.domain.decisions.checks import real_day
from collabcampus.domain.errors import InvalidDate
from collabcampus.domain.types import Day, Slug
from collabcampus.http.access import Reader, bad
from collabcampus.http.door import Door
from collabcampus.http.pages import A_TIME, AN_ID, LAST_POSITION, USUAL, Limit, cursor_of, page, parts_of
from collabcampus.live import views
from collabcampus.log import persons

A_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?Z)?|"

A_DAY_INCLUDED = "A day, itself included"

Kind = Literal["mentioned", "assigned", "invited", "due"]
NotificationId = Annotated[
    str, Meta(pattern=rf"^{AN_ID}:[0-9]{{1,16}}$(?!\n)", description="The project and the position")
]


class ReadNotifications(Struct, frozen=True, forbid_unknown_fields=True):
    """The notifications that were read; all of them where none is named."""

    ids: Annotated[tuple[NotificationId, ...], Meta(max_length=1_000)] | None = None


class ReadUpTo(Struct, frozen=True, forbid_unknown_fields=True):
    """The position up to which the chat was read."""

    position: Annotated[int, Meta(ge=0, le=LAST_POSITION)]


class MeController(Controller):
    """`/api/me`."""

    path = "/api/me"
    tags = ("me",)

    @get("/tasks")
    async def my_tasks(
        self,
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        project: FromQuery[UUID | None] = None,
        status: Annotated[Slug | None, QueryParameter(description="A column's id")] = None,
        label: FromQuery[UUID | None] = None,
        due_from: Annotated[str | None, QueryParameter(name="dueFrom", description=A_DAY_INCLUDED)] = None,
        due_to: Annotated[str | None, QueryParameter(name="dueTo", description=A_DAY_INCLUDED)] = None,
        archived: FromQuery[bool] = False,
        cursor: FromQuery[str | None] = None,
        limit: Limit = USUAL,
    ) -> dict[str, Any]:
        """My tasks in all projects, those that are due first first."""
        wanted = persons.Wanted(
            _text(project), status, _text(label), _day("dueFrom", due_from), _day("dueTo", due_to), archived
        )
        after = parts_of(cursor, A_DAY, AN_ID)
        place = (after[0] or persons.LAST_DAY, after[1]) if after else None
        found = await persons.tasks_of(door.database, reader.actor.user_id, wanted, place, limit + 1)
        return page(found, limit, lambda task: cursor_of(task["dueDate"] or "", task["taskId"]))

    @get("/notifications")
    async def my_notifications(
        self,
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        kind: FromQuery[Kind | None] = None,
        unread: FromQuery[bool] = False,
        cursor: FromQuery[str | None] = None,
        limit: Limit = USUAL,
    ) -> dict[str, Any]:
        """What I was mentioned in, assigned to, invited to or reminded of, newest first."""
        parts = parts_of(cursor, A_TIME, AN_ID, r"[0-9]{1,16}")
        before = (parts[0], parts[1], int(parts[2])) if parts else None
        found = await persons.notifications_of(door.database, reader.actor.user_id, kind, unread, before, limit + 1)
        names = await door.identity.names(each["actor"] for each in found)
        items = [views.notification(each, names, door.identity.invitation_secret) for each in found]
        return page(items, limit, lambda each: cursor_of(each["at"], each["projectId"], each["position"]))

    @post("/notifications/read", status_code=HTTP_200_OK)
    async def mark_notifications_read(
        self, reader: NamedDependency[Reader], data: JSONBody[ReadNotifications], door: NamedDependency[Door]
    ) -> dict[str, Any]:
        """Mark notifications as read; how many are unread then."""
        named = None if data.ids is None else [(each[:36], int(each[37:])) for each in data.ids]
        return {"unread": await persons.read_notifications(door.database, reader.actor.user_id, named)}

    @get("/unread")
    async def my_unread(
        self,
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        cursor: FromQuery[UUID | None] = None,
        limit: Limit = USUAL,
    ) -> dict[str, Any]:
        """How many messages and mentions I have not read, project by project; beyond a thousand it is a thousand."""
        found = await persons.unread_of(door.database, reader.actor.user_id, _text(cursor), limit + 1)
        return page(found, limit, lambda each: each["projectId"])

    @put("/unread/{project_id:uuid}")
    async def mark_chat_read(
        self,
        reader: NamedDependency[Reader],
        project_id: FromPath[UUID],
        data: JSONBody[ReadUpTo],
        door: NamedDependency[Door],
    ) -> dict[str, Any]:
        """Mark a project's chat as read up to a position; never back. Where it is then."""
        state, _ = await door.read(str(project_id), reader)
        position = min(data.position, state.head)
        return {"position": await persons.read_chat(door.database, reader.actor.user_id, str(project_id), position)}


def _day(name: str, value: str | None) -> str | None:
    try:
        real_day(value if value is None else msgspec.convert(value, Day))
    except (msgspec.ValidationError, InvalidDate):
        raise bad(name, "a day such as 2026-11-25 is expected") from None
    return value and value[:10]


def _text(value: UUID | None) -> str | None:
    return str(value) if value else None
