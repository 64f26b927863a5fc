"""A node beside a newer one, whose events it does not know: it shows what it knows, and writes nothing on top."""

from typing import Any

import pytest

from collabcampus.app import Application, fresh_id
from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.events.base import OfTask
from collabcampus.domain.project import Actor
from collabcampus.log import read
from live.asking import a_garden, made
from log.writing import Command, write, writes
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

OWNER, STRANGER = Actor(PEOPLE[0]), Actor(PEOPLE[1])


class TaskPainted(OfTask, frozen=True, rename="camel"):
    """Of a version to come."""

    paint: str


async def painted(application: Application, project_id: str, task_id: str) -> int:
    """The position at which the newer node painted a task, and then said so as every version can."""
    head = (await application.projects.read(project_id)).head
    newer: list[Any] = [TaskPainted(task_id, "red"), e.MessageSent(fresh_id(), "Painted")]
    await write(application.database, writes(project_id, head, Command(newer)))
    return head + 1


async def test_the_project_stops_at_the_last_event_that_is_known_and_takes_no_command(
    application: Application,
) -> None:
    project_id = (await a_garden(application, OWNER)).project_id
    task = await made(application, c.CreateTask("Dig"), OWNER, project_id)
    position = await painted(application, project_id, task.task_id)

    for command in (c.SendMessage("Hello"), c.MoveTask(task.task_id, "done"), c.MoveTask(PEOPLE[3], "done")):
        with pytest.raises(errors.NewerVersion):
            await application.projects.submit(command, OWNER, project_id)
    with pytest.raises(errors.ProjectNotFound):
        await application.projects.submit(c.SendMessage("Hello"), STRANGER, project_id)

    state = await application.projects.read(project_id)
    assert (state.head, state.tasks[task.task_id].title) == (position - 1, "Dig")
    assert len([each async for each in read.history(application.database, project_id)]) == position - 1


async def test_what_was_answered_before_is_answered_again(application: Application) -> None:
    project_id = (await a_garden(application, OWNER)).project_id
    command_id = PEOPLE[3]
    first = await application.projects.submit(c.CreateTask("Dig"), OWNER, project_id, command_id=command_id)
    await painted(application, project_id, first.events[0].event.key)
    again = c.CreateTask("Dig")

    assert (
        first.position
        == (await application.projects.submit(again, OWNER, project_id, command_id=command_id)).position
    )


async def test_other_projects_go_on(application: Application) -> None:
    project_id = (await a_garden(application, OWNER)).project_id
    task = await made(application, c.CreateTask("Dig"), OWNER, project_id)
    await painted(application, project_id, task.task_id)
    another = (await a_garden(application, OWNER)).project_id

    assert (await application.projects.submit(c.SendMessage("Hello"), OWNER, another)).position
