"""The labels of a project."""

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

LabelChanges: TypeAlias = Body[c.EditLabel, Literal["label_id"]]


class LabelsController(Controller):
    """`/api/projects/{id}/labels`."""

    path = "/api/projects/{project_id:uuid}/labels"
    tags = ("labels",)

    @get()
    async def list_labels(
        self,
        project_id: FromPath[UUID],
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        cursor: FromQuery[str | None] = None,
        limit: Limit = MOST,
    ) -> Response[dict[str, Any]]:
        """The labels in the order they came."""
        state, _ = await door.read(str(project_id), reader)
        labels = list(state.labels.values())
        return shown(reader, state.head, lambda: part(labels, limit, cursor, lambda each: each.label_id))

    @post()
    async def create_label(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[c.CreateLabel],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Make a label."""
        return await door.submit(data, intent, str(project_id), status=201)

    @patch("/{label_id:uuid}")
    async def edit_label(
        self,
        project_id: FromPath[UUID],
        label_id: FromPath[UUID],
        data: JSONBody[LabelChanges],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Change a label's name or colour."""
        return await door.submit(data.command(label_id=str(label_id)), intent, str(project_id))

    @delete("/{label_id:uuid}", status_code=HTTP_200_OK)
    async def delete_label(
        self,
        project_id: FromPath[UUID],
        label_id: FromPath[UUID],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Take a label off every task and away."""
        return await door.submit(c.DeleteLabel(str(label_id)), intent, str(project_id))
