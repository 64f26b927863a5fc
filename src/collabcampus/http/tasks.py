"""Tasks by their own ids: reading, moving, editing, deleting."""

from typing import Any
from uuid import UUID

from litestar import Controller, HttpMethod, Response, delete, get, route
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK
from msgspec import UNSET, Struct, UnsetType

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain.types import Description, Id, Slug, Title
from collabcampus.http.access import Intent, SignedIn
from collabcampus.http.door import Door, as_json
from collabcampus.live import views


class TaskChanges(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What is to change of a task; a status alone, or with a neighbour, is the drag."""

    status: Slug | UnsetType = UNSET
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET
    title: Title | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    assignees: tuple[Id, ...] | UnsetType = UNSET


class TasksController(Controller):
    """`/api/tasks/{id}`."""

    path = "/api/tasks/{task_id:uuid}"
    tags = ("tasks",)

    @get()
    async def one(
        self, request: SignedIn, task_id: FromPath[UUID], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """The task."""
        project_id = await door.projects.project_of(str(task_id))
        try:
            state, _ = await door.read(project_id, request)
        except errors.ProjectNotFound:
            raise errors.TaskNotFound from None
        if str(task_id) not in state.tasks:
            raise errors.TaskNotFound
        return as_json(views.task(state.tasks[str(task_id)]), state.head)

    @route(http_method=[HttpMethod.PUT, HttpMethod.PATCH])
    async def change(
        self,
        task_id: FromPath[UUID],
        data: JSONBody[TaskChanges],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Move the task, and change whatever else is named."""
        return await door.submit(_command(str(task_id), data), intent)

    @delete(status_code=HTTP_200_OK)
    async def delete(
        self, task_id: FromPath[UUID], intent: NamedDependency[Intent], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """Take the task off the board for good."""
        return await door.submit(c.DeleteTask(str(task_id)), intent)


def _command(task_id: str, changes: TaskChanges) -> c.Command:
    """The same drag is the same command as the socket's `task_moved`, so that one commandId fits both."""
    edits = (changes.title, changes.description, changes.assignees)
    if changes.status is not UNSET and all(each is UNSET for each in edits):
        return c.MoveTask(task_id, changes.status, changes.before, changes.after)
    return c.EditTask(task_id, **{name: getattr(changes, name) for name in changes.__struct_fields__})
