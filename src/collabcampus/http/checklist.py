"""The checklist of a task."""

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

NewItem: TypeAlias = Body[c.AddChecklistItem, Literal["task_id"]]
ItemChanges: TypeAlias = Body[c.EditChecklistItem, Literal["task_id", "item_id"]]


class ChecklistController(Controller):
    """`/api/tasks/{id}/checklist`."""

    path = "/api/tasks/{task_id:uuid}/checklist"
    tags = ("checklist",)

    @get()
    async def list_checklist_items(
        self,
        task_id: FromPath[UUID],
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        cursor: FromQuery[str | None] = None,
        limit: Limit = MOST,
    ) -> Response[dict[str, Any]]:
        """The items in their order."""
        state, task = await door.read_task(str(task_id), reader)
        return shown(reader, state.head, lambda: part(task.checklist, limit, cursor, lambda each: each.item_id))

    @post()
    async def add_checklist_item(
        self,
        task_id: FromPath[UUID],
        data: JSONBody[NewItem],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Add an item, last unless it says where."""
        return await door.submit(data.command(task_id=str(task_id)), intent, status=201)

    @patch("/{item_id:uuid}")
    async def edit_checklist_item(
        self,
        task_id: FromPath[UUID],
        item_id: FromPath[UUID],
        data: JSONBody[ItemChanges],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Change an item's text, tick it, or put it elsewhere in the list."""
        return await door.submit(data.command(task_id=str(task_id), item_id=str(item_id)), intent)

    @delete("/{item_id:uuid}", status_code=HTTP_200_OK)
    async def remove_checklist_item(
        self,
        task_id: FromPath[UUID],
        item_id: FromPath[UUID],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Take an item off."""
        return await door.submit(c.RemoveChecklistItem(str(task_id), str(item_id)), intent)
