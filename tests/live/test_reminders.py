"""Due soon: once for each date, whoever looks and however often."""

import asyncio

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.project import Actor
from collabcampus.live.reminders import remind
from collabcampus.log import persons, read
from live.asking import a_garden, made
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

OWNER, EDITOR = (Actor(each) for each in PEOPLE[:2])
NOON = "2030-05-01T12:00:00.000Z"


async def reminded(application: Application, project_id: str) -> list[str]:
    """The due dates that people were reminded of."""
    history = [each.event async for each in read.history(application.database, project_id)]
    return [each.reminded for each in history if isinstance(each, e.DueReminded)]


async def test_assignees_are_reminded_once_for_each_date(application: Application) -> None:
    garden = await a_garden(application, OWNER, EDITOR)
    task = await made(
        application, c.CreateTask("Dig", assignees=(EDITOR.user_id,), due_date="2030-05-02"), OWNER, garden.project_id
    )

    await asyncio.gather(*(remind(application.database, application.projects, NOON) for _ in range(5)))
    assert await reminded(application, garden.project_id) == ["2030-05-02"]

    await made(application, c.EditTask(task.task_id, due_date="2030-05-01T18:00:00Z"), OWNER)
    await remind(application.database, application.projects, NOON)
    await remind(application.database, application.projects, NOON)
    assert await reminded(application, garden.project_id) == ["2030-05-02", "2030-05-01T18:00:00Z"]

    await made(application, c.EditTask(task.task_id, due_date="2030-05-02"), OWNER)
    await remind(application.database, application.projects, NOON)
    assert len(await reminded(application, garden.project_id)) == 3, "a date set back is news again"
    assert await persons.due_until(application.database, "2030-05-03", 10) == []


@pytest.mark.parametrize("why_not", ["later", "nobody's", "archived", "in an archived project"])
async def test_nobody_is_reminded_of_a_task_that_is(application: Application, why_not: str) -> None:
    garden = await a_garden(application, OWNER)
    day = "2030-05-03" if why_not == "later" else "2030-05-02"
    who = () if why_not == "nobody's" else (OWNER.user_id,)
    task = await made(application, c.CreateTask("Dig", assignees=who, due_date=day), OWNER, garden.project_id)
    if why_not == "archived":
        await made(application, c.ArchiveTask(task.task_id), OWNER)
    if why_not == "in an archived project":
        await made(application, c.ArchiveProject(), OWNER, garden.project_id)

    assert await remind(application.database, application.projects, NOON) == 0
    assert await reminded(application, garden.project_id) == []
