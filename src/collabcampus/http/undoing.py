"""Undo and redo of what was done in a project."""

from typing import Any, Never, TypeAlias
from uuid import UUID

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK

from collabcampus.domain import commands as c
from collabcampus.http.access import Intent
from collabcampus.http.bodies import Body
from collabcampus.http.door import Door

WantedUndo: TypeAlias = Body[c.Undo, Never]
WantedRedo: TypeAlias = Body[c.Redo, Never]


class UndoingController(Controller):
    """`/api/projects/{id}/undo` and `/redo`."""

    path = "/api/projects/{project_id:uuid}"
    tags = ("undo",)

    @post("/undo", status_code=HTTP_200_OK)
    async def undo(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[WantedUndo],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Take back what a command changed: the one that is named, or my own last one."""
        return await door.submit(data.command(), intent, str(project_id))

    @post("/redo", status_code=HTTP_200_OK)
    async def redo(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[WantedRedo],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Bring about again what was undone: what is named, or what I undid last."""
        return await door.submit(data.command(), intent, str(project_id))
