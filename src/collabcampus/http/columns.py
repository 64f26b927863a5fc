"""The columns of a board."""

from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK
from msgspec import UNSET

from collabcampus.domain import commands as c
from collabcampus.http.access import Intent, Reader
from collabcampus.http.bodies import Body
from collabcampus.http.door import Door, shown
from collabcampus.http.pages import MOST, Limit, part

ColumnChanges: TypeAlias = Body[c.EditColumn, Literal["column_id"]]
MoveTo = Annotated[
    str | None, QueryParameter(name="moveTo", description="The column that its tasks go to, to the end")
]


class ColumnsController(Controller):
    """`/api/projects/{id}/columns`."""

    path = "/api/projects/{project_id:uuid}/columns"
    tags = ("columns",)

    @get()
    async def list_columns(
        self,
        project_id: FromPath[UUID],
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        cursor: FromQuery[str | None] = None,
        limit: Limit = MOST,
    ) -> Response[dict[str, Any]]:
        """The columns in their order."""
        state, _ = await door.read(str(project_id), reader)
        return shown(reader, state.head, lambda: part(state.columns, limit, cursor, lambda each: each.id))

    @post()
    async def add_column(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[c.AddColumn],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Add a column: last unless it says where; without an id its name makes one."""
        return await door.submit(data, intent, str(project_id), status=201)

    @patch("/{column_id:str}")
    async def edit_column(
        self,
        project_id: FromPath[UUID],
        column_id: FromPath[str],
        data: JSONBody[ColumnChanges],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Change a column's name, colour or limit, and its place where that is named."""
        return await door.submit(data.command(column_id=column_id), intent, str(project_id))

    @delete("/{column_id:str}", status_code=HTTP_200_OK)
    async def remove_column(
        self,
        project_id: FromPath[UUID],
        column_id: FromPath[str],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
        move_to: MoveTo = None,
    ) -> Response[dict[str, Any]]:
        """Take a column away; what is in it goes to the column `moveTo`."""
        command = c.RemoveColumn(column_id, UNSET if move_to is None else move_to)
        return await door.submit(command, intent, str(project_id))
