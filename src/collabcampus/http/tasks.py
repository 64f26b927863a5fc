"""Tasks: those of a project, and each by its own id."""

from typing import Any, Literal, Never, TypeAlias
from uuid import UUID

from litestar import Controller, HttpMethod, Response, delete, get, patch, post, route
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.status_codes import HTTP_200_OK
from msgspec import UNSET

from collabcampus.domain import commands as c
from collabcampus.domain.project import Project
from collabcampus.domain.things import Task
from collabcampus.http.access import Intent, Reader
from collabcampus.http.bodies import Body
from collabcampus.http.door import Door, shown
from collabcampus.http.pages import USUAL, Limit, page
from collabcampus.live import views

TaskChanges: TypeAlias = Body[c.EditTask, Literal["task_id"]]
WantedCopy: TypeAlias = Body[c.CopyTask, Never]


class ProjectTasksController(Controller):
    """`/api/projects/{id}/tasks`."""

    path = "/api/projects/{project_id:uuid}/tasks"
    tags = ("tasks",)

    @get()
    async def list_tasks(
        self,
        project_id: FromPath[UUID],
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        archived: FromQuery[bool] = False,
        status: FromQuery[str | None] = None,
        cursor: FromQuery[UUID | None] = None,
        limit: Limit = USUAL,
    ) -> Response[dict[str, Any]]:
        """The tasks on the board, or those put away, of one column or of all, by their ids."""
        state, _ = await door.read(str(project_id), reader)
        after = str(cursor) if cursor else ""
        found = _found(state, archived, status, after)
        return shown(reader, state.head, lambda: page(found[: limit + 1], limit, lambda each: each.task_id))

    @post()
    async def create_task(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[c.CreateTask],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Put a task on the board: last in the first column unless it says where."""
        return await door.submit(data, intent, str(project_id), status=201)

    @patch()
    async def edit_tasks(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[c.EditTasks],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Change several tasks alike: all of them, or none where one is refused."""
        return await door.submit(data, intent, str(project_id))

    @post("/move", status_code=HTTP_200_OK)
    async def move_tasks(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[c.MoveTasks],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Drag several tasks together; they keep the order in which they are named."""
        return await door.submit(data, intent, str(project_id))

    @post("/copy")
    async def copy_task(
        self,
        project_id: FromPath[UUID],
        data: JSONBody[WantedCopy],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Copy a task from where it is into this project: its words, dates, estimate and checklist."""
        return await door.submit(data.command(), intent, str(project_id), status=201)


class TasksController(Controller):
    """`/api/tasks/{id}`."""

    path = "/api/tasks/{task_id:uuid}"
    tags = ("tasks",)

    @get()
    async def read_task(
        self, task_id: FromPath[UUID], reader: NamedDependency[Reader], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """The task, on the board or archived; its project is in the header `Link`."""
        state, task = await door.read_task(str(task_id), reader)
        answer = shown(reader, state.head, lambda: views.task(task))
        answer.set_header("Link", f'</api/projects/{state.project_id}>; rel="up"')
        return answer

    @route(http_method=[HttpMethod.PUT, HttpMethod.PATCH])
    async def edit_task(
        self,
        task_id: FromPath[UUID],
        data: JSONBody[TaskChanges],
        intent: NamedDependency[Intent],
        door: NamedDependency[Door],
    ) -> Response[dict[str, Any]]:
        """Move the task, and change whatever else is named."""
        return await door.submit(_moved_or_edited(data.command(task_id=str(task_id))), intent)

    @delete(status_code=HTTP_200_OK)
    async def delete_task(
        self, task_id: FromPath[UUID], intent: NamedDependency[Intent], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """Take the task off the board for good."""
        return await door.submit(c.DeleteTask(str(task_id)), intent)

    @post("/archive", status_code=HTTP_200_OK)
    async def archive_task(
        self, task_id: FromPath[UUID], intent: NamedDependency[Intent], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """Put the task away."""
        return await door.submit(c.ArchiveTask(str(task_id)), intent)

    @post("/restore", status_code=HTTP_200_OK)
    async def restore_task(
        self, task_id: FromPath[UUID], intent: NamedDependency[Intent], door: NamedDependency[Door]
    ) -> Response[dict[str, Any]]:
        """Bring the archived task back, to the end of its column."""
        return await door.submit(c.RestoreTask(str(task_id)), intent)


def _moved_or_edited(edit: c.EditTask) -> c.Command:
    """The same drag is the same command as the socket's `task_moved`, so that one commandId fits both."""
    drag = c.EditTask(edit.task_id, status=edit.status, before=edit.before, after=edit.after)
    if edit.status is not UNSET and edit == drag:
        return c.MoveTask(edit.task_id, edit.status, edit.before, edit.after)
    return edit


def _found(state: Project, archived: bool, status: str | None, after: str) -> list[Task]:
    """By their ids, those after one."""
    return [
        task
        for task_id, task in sorted(state.tasks.items())
        if task_id > after and task.archived == archived and status in (None, task.status)
    ]
