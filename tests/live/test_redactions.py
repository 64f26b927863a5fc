"""Words that were taken out of the log are gone from every node's memory, while people go on working."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.project import Actor, fold, initial
from collabcampus.domain.words import MARKER
from collabcampus.live import redactions
from collabcampus.live.project import LiveProject
from collabcampus.log import read, redaction
from collabcampus.log.follow import REDACTIONS
from collabcampus.settings import Settings
from collabcampus.sockets import resuming
from live.listening import Heard
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

SECRET = "my sister is ill, and nobody is to know"
ANN = Actor(PEOPLE[0])
WITHIN_S = 20


@pytest.fixture
async def nodes(application: Application) -> AsyncIterator[tuple[Application, Application]]:
    """Two nodes on one database."""
    async with Application(Settings(), application.database.conninfo).running() as other:
        yield application, other


async def secret_told(node: Application) -> tuple[str, str]:
    """A project with a task that says it; the ids of both."""
    made = await node.projects.submit(c.CreateProject("Garden"), ANN)
    project_id = made.subject.project_id
    answer = await node.projects.submit(c.CreateTask("Away", description=SECRET), ANN, project_id)
    return project_id, answer.events[0].event.key


async def seen(live: LiveProject[object], task_id: str) -> None:
    """Until the project in memory says the marker."""
    async with asyncio.timeout(WITHIN_S):
        while live.state.tasks[task_id].description != MARKER:  # noqa: ASYNC110 - it says nothing
            await asyncio.sleep(0.01)


async def test_every_node_forgets_and_rooms_are_told_while_commands_go_on(
    nodes: tuple[Application, Application],
) -> None:
    project_id, task_id = await secret_told(nodes[0])
    rooms = []
    for node in nodes:
        async with node.projects.using(project_id) as live:
            live.room.enter(listener := Heard(ANN.user_id))  # type: ignore[arg-type]
            rooms.append((live, listener))
    working = [
        asyncio.create_task(node.projects.submit(c.SendMessage(str(nth)), ANN, project_id))
        for nth in range(60)
        for node in nodes
    ]
    await asyncio.sleep(0)

    await redaction.redact_person(nodes[0].database.conninfo, ANN.user_id, "she asked for it")

    answers = await asyncio.gather(*working)
    for live, listener in rooms:
        await seen(live, task_id)  # type: ignore[arg-type]
        assert [each for each in listener.heard if b'"resync"' in getattr(each, "wire", b"")]
        assert SECRET not in str(live.known(answers[0].events[0].command_id))
    await asyncio.gather(*(node.projects.read(project_id) for node in nodes))
    log = fold(initial(project_id), [each async for each in read.history(nodes[0].database, project_id)])
    assert [live.state == log for live, _ in rooms] == [True, True]


async def test_what_is_on_its_way_stays_on_top(application: Application) -> None:
    project_id, task_id = await secret_told(application)
    async with application.projects.using(project_id) as live:
        edits = [c.EditTask(task_id, title="Back"), c.EditTask(task_id, title="Here")]
        first = asyncio.create_task(application.projects.submit(edits[0], ANN, project_id))
        while not live.uncommitted:  # noqa: ASYNC110 - it says nothing
            await asyncio.sleep(0)
        head = live.state.head
        live.replace(live.state, live.redactions)
        second = asyncio.create_task(application.projects.submit(edits[1], ANN, project_id))
        await asyncio.sleep(0)

        assert (live.state.head, live.ahead_head) == (head, head + 2)
        assert [(await each).position for each in (first, second)] == [head + 1, head + 2]
        assert live.state.tasks[task_id].title == "Here"


async def test_a_hint_that_was_lost_heals(application: Application) -> None:
    project_id, task_id = await secret_told(application)
    application.bus.subscribe(REDACTIONS, lambda _: None)
    async with application.projects.using(project_id) as live:
        await redaction.redact_person(application.database.conninfo, ANN.user_id, "she asked for it")
        assert await redactions.behind(application.database, [live]) == [live]

        await application.projects.heal()
        await seen(live, task_id)  # type: ignore[arg-type]
        assert await redactions.behind(application.database, [live]) == []


async def test_who_comes_back_from_before_is_shown_the_whole_board(application: Application) -> None:
    project_id, _ = await secret_told(application)
    await redaction.redact_person(application.database.conninfo, ANN.user_id, "she asked for it")
    async with application.projects.using(project_id) as live:
        before = live.state.head
        await application.projects.submit(c.SendMessage("Hi"), ANN, project_id)

        assert await resuming.missed(application.database, live, before) is None
        assert await resuming.missed(application.database, live, live.state.head) == []
