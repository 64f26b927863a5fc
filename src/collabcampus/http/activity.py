"""Activity: who changed what, from what to what, in a project or of one task."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from collabcampus.domain import errors
from collabcampus.domain.project import Project
from collabcampus.http.access import Reader
from collabcampus.http.door import Door
from collabcampus.http.pages import LAST_POSITION, USUAL, Limit, page
from collabcampus.log import read

Cursor = Annotated[int | None, QueryParameter(ge=1, le=LAST_POSITION)]


class ActivityController(Controller):
    """`…/activity`."""

    path = "/api"
    tags = ("activity",)

    @get("/projects/{project_id:uuid}/activity")
    async def project_activity(
        self,
        reader: NamedDependency[Reader],
        project_id: FromPath[UUID],
        door: NamedDependency[Door],
        cursor: Cursor = None,
        limit: Limit = USUAL,
    ) -> dict[str, Any]:
        """What happened in the project, newest first."""
        state, _ = await door.read(str(project_id), reader)
        return await _page(door, state, None, cursor, limit)

    @get("/tasks/{task_id:uuid}/activity")
    async def task_activity(
        self,
        reader: NamedDependency[Reader],
        task_id: FromPath[UUID],
        door: NamedDependency[Door],
        cursor: Cursor = None,
        limit: Limit = USUAL,
    ) -> dict[str, Any]:
        """What happened to the task, its checklist and its comments, newest first; also when it is deleted."""
        try:
            state, _ = await door.read(await door.projects.project_of(str(task_id)), reader)
        except errors.ProjectNotFound:
            raise errors.TaskNotFound from None
        return await _page(door, state, str(task_id), cursor, limit)


async def _page(door: Door, state: Project, thing: str | None, cursor: int | None, limit: int) -> dict[str, Any]:
    before = min(cursor or LAST_POSITION, state.head + 1)
    found = await read.activity(door.database, state.project_id, thing, before, limit + 1)
    names = await door.identity.names({each["actor"] for each in found})
    items = [{**each, **_about(each, state), "actor": _who(each["actor"], names)} for each in found]
    return page(items, limit, lambda each: each["position"])


def _about(activity: dict[str, Any], state: Project) -> dict[str, Any]:
    """The task it is about, by its title as it is now."""
    task = state.tasks.get(activity["thing"])
    about = {"taskId": activity["thing"]} if "taskId" in activity["changes"] else {}
    return about | ({"title": task.title} if task else {})


def _who(user_id: str, names: dict[str, str]) -> dict[str, str]:
    return {"userId": user_id, "name": names.get(user_id, "")}
