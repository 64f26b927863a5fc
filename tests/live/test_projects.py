"""`submit`: once whatever happens, decided at the current state, answered when durable."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from collabcampus.app import Application, fresh_id
from collabcampus.domain import commands as c
from collabcampus.domain import errors, limits
from collabcampus.domain import events as e
from collabcampus.domain.decisions import chat
from collabcampus.domain.project import Actor
from collabcampus.domain.things import Task
from collabcampus.live import projects as live
from collabcampus.live.attempts import without_tasks
from collabcampus.log import read
from collabcampus.settings import Settings
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

OWNER, EDITOR = Actor(PEOPLE[0]), Actor(PEOPLE[1])


@pytest.fixture
async def other_node(application: Application) -> AsyncIterator[Application]:
    """A second node on the same database."""
    async with Application(Settings(), application.database.conninfo).running() as running:
        yield running


async def a_project(application: Application) -> str:
    """A project with an owner and an editor."""
    answer = await application.projects.submit(c.CreateProject("Garden"), OWNER)
    project_id = answer.subject.project_id
    await application.projects.submit(c.AddMember("editor", EDITOR.user_id), OWNER, project_id)
    return project_id


async def a_task(application: Application, project_id: str) -> str:
    """The id of a new task."""
    answer = await application.projects.submit(c.CreateTask("Dig"), OWNER, project_id)
    return answer.events[0].event.key


async def log_of(application: Application, project_id: str) -> list[e.Recorded]:
    """The project's events."""
    return [each async for each in read.history(application.database, project_id)]


async def test_one_command_id_sent_a_hundred_times_over_two_nodes_is_one_event_and_one_answer(
    application: Application, other_node: Application
) -> None:
    project_id = await a_project(application)
    nodes = [application, other_node] * 50
    command_id = fresh_id()

    answers = await asyncio.gather(
        *(node.projects.submit(c.SendMessage("Hi"), OWNER, project_id, command_id=command_id) for node in nodes)
    )

    said = [each for each in await log_of(application, project_id) if each.type == "MessageSent"]
    assert len(said) == 1
    assert {answer.position for answer in answers} == {said[0].position}
    assert all(list(answer.events) == said for answer in answers)


async def test_a_creation_repeated_is_the_same_project(application: Application, other_node: Application) -> None:
    command_id = fresh_id()

    first = await application.projects.submit(c.CreateProject("Garden"), OWNER, command_id=command_id)
    await application.projects.submit(c.EditProject(name="Park"), OWNER, first.subject.project_id)
    again = await other_node.projects.submit(c.CreateProject("Garden"), OWNER, command_id=command_id)

    assert again == first


async def test_a_command_id_used_for_another_command_or_by_another_person_is_refused(
    application: Application,
) -> None:
    project_id = await a_project(application)
    command_id = fresh_id()
    await application.projects.submit(c.EditProject(name="Park"), OWNER, project_id, command_id=command_id)

    for command, actor in [(c.EditProject(name="Wood"), OWNER), (c.EditProject(name="Park"), EDITOR)]:
        with pytest.raises(errors.CommandIdReused):
            await application.projects.submit(command, actor, project_id, command_id=command_id)


async def test_a_command_that_changed_nothing_answers_the_same_after_the_project_moved_on(
    application: Application,
) -> None:
    project_id = await a_project(application)
    task_id = await a_task(application, project_id)
    idle = c.MoveTask(task_id, "todo")
    command_id = fresh_id()
    first = await application.projects.submit(idle, OWNER, command_id=command_id)
    await application.projects.submit(c.MoveTask(task_id, "done"), OWNER)

    again = await application.projects.submit(idle, OWNER, command_id=command_id)

    assert again == first
    assert first.events == []


async def test_two_nodes_writing_one_project_lose_nothing_and_end_with_the_same_board(
    application: Application, other_node: Application
) -> None:
    project_id = await a_project(application)
    tasks = [await a_task(application, project_id) for _ in range(4)]

    async def drag(node: Application, number: int) -> None:
        for turn in range(25):
            command = c.MoveTask(tasks[(number + turn) % 4], ("todo", "done", "in-progress")[turn % 3])
            await node.projects.submit(command, OWNER)

    await asyncio.gather(*(drag(node, number) for number, node in enumerate([application, other_node] * 2)))

    history = await log_of(application, project_id)
    assert [each.position for each in history] == list(range(1, len(history) + 1))
    states = [await node.projects.read(project_id) for node in (application, other_node)]
    assert states[0] == states[1]
    assert states[0].head == len(history)


async def test_one_reads_on_another_node_what_one_has_just_written(
    application: Application, other_node: Application
) -> None:
    project_id = await a_project(application)
    await other_node.projects.read(project_id)

    written = await application.projects.submit(c.EditProject(name="Park"), OWNER, project_id)

    assert without_tasks(await other_node.projects.read(project_id)) == written.subject


async def test_a_refusal_is_decided_at_the_newest_state(application: Application, other_node: Application) -> None:
    project_id = await a_project(application)
    await other_node.projects.read(project_id)
    task_id = await a_task(application, project_id)

    answer = await other_node.projects.submit(c.MoveTask(task_id, "done"), OWNER, project_id)

    assert isinstance(answer.subject, Task)
    assert answer.subject.status == "done"


async def test_an_edit_after_the_removal_is_refused_on_the_node_that_has_not_heard_of_it(
    application: Application, other_node: Application
) -> None:
    project_id = await a_project(application)
    await other_node.projects.read(project_id)
    await application.projects.submit(c.RemoveMember(EDITOR.user_id), OWNER, project_id)

    with pytest.raises(errors.ProjectNotFound):
        await other_node.projects.submit(c.SendMessage("Still here?"), EDITOR, project_id)
    assert all(each.type != "MessageSent" for each in await log_of(application, project_id))


async def test_a_stale_expectation_is_refused_and_a_current_one_is_not(application: Application) -> None:
    project_id = await a_project(application)
    head = (await application.projects.read(project_id)).head

    with pytest.raises(errors.StalePosition) as refused:
        await application.projects.submit(c.EditProject(name="Park"), OWNER, project_id, expected=head - 1)
    assert refused.value.details == {"position": head}
    await application.projects.submit(c.EditProject(name="Park"), OWNER, project_id, expected=head)


async def test_somebody_elses_task_is_as_unknown_as_none(application: Application) -> None:
    task_id = await a_task(application, await a_project(application))
    stranger = Actor(PEOPLE[3])

    for unknown in (task_id, fresh_id()):
        with pytest.raises(errors.TaskNotFound):
            await application.projects.submit(c.MoveTask(unknown, "done"), stranger)


async def test_an_id_of_another_project_inside_a_command_is_refused(application: Application) -> None:
    task_id = await a_task(application, await a_project(application))
    elsewhere = await a_project(application)

    with pytest.raises(errors.TaskNotFound):
        await application.projects.submit(c.DeleteTask(task_id), OWNER, elsewhere)
    with pytest.raises(errors.NeighbourNotFound):
        await application.projects.submit(c.CreateTask("Sow", after=task_id), OWNER, elsewhere)
    with pytest.raises(errors.IdTaken):
        await application.projects.submit(c.CreateTask("Dig", task_id=task_id), OWNER, elsewhere)


async def test_connections_lost_while_writing_double_and_lose_nothing(
    application: Application, database_url: str
) -> None:
    project_id = await a_project(application)
    stop = asyncio.Event()

    async def cut_connections() -> None:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
            while not stop.is_set():
                await owner.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                await asyncio.sleep(0.2)

    cutting = asyncio.create_task(cut_connections())
    answers = []
    for number in range(60):
        answers.append(await application.projects.submit(c.SendMessage(str(number)), OWNER, project_id))
        await asyncio.sleep(0.01)
    stop.set()
    await cutting

    said = [
        each.event.text for each in await log_of(application, project_id) if isinstance(each.event, e.MessageSent)
    ]
    assert said == [str(number) for number in range(60)]
    assert [answer.events[0].position for answer in answers] == sorted(answer.position for answer in answers)


async def test_projects_nobody_uses_are_forgotten_and_read_again(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application.projects, "_capacity", 2)
    made = [await a_project(application) for _ in range(4)]

    assert len(application.projects._live) <= 2
    for project_id in made:
        assert (await application.projects.read(project_id)).name == "Garden"


async def test_a_project_somebody_is_about_to_join_is_not_forgotten(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application.projects, "_capacity", 1)
    project_id = await a_project(application)

    async with application.projects.using(project_id) as joining:
        for _ in range(3):
            await a_project(application)
        async with application.projects.using(project_id) as again:
            assert again is joining


async def test_a_project_that_is_written_to_without_end_elsewhere_is_overloaded_and_not_an_error(
    application: Application, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "ANSWER_WITHIN_S", 0.2)
    project_id = await a_project(application)
    async with await psycopg.AsyncConnection.connect(database_url) as other:
        await other.execute("SELECT * FROM heads WHERE project_id = %s FOR UPDATE", (project_id,))

        with pytest.raises(errors.Overloaded):
            await application.projects.submit(c.SendMessage("Hi"), OWNER, project_id)


async def test_an_item_that_makes_others_move_is_the_one_that_is_answered(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RANK_LENGTH", 2)
    project_id = await a_project(application)
    task_id = await a_task(application, project_id)
    first, second = [
        (await application.projects.submit(c.AddChecklistItem(task_id, text), OWNER)).subject for text in ("1", "2")
    ]
    between = c.AddChecklistItem(task_id, "3", after=first.item_id, before=second.item_id)
    command_id = fresh_id()

    answer = await application.projects.submit(between, OWNER, command_id=command_id)
    await application.projects.submit(c.SendMessage("Meanwhile"), OWNER, project_id)
    async with Application(Settings(), application.database.conninfo).running() as other:
        again = await other.projects.submit(between, OWNER, command_id=command_id)

    assert answer.subject.text == again.subject.text == "3"


async def test_a_command_that_cannot_be_decided_fails_alone(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = await a_project(application)
    monkeypatch.setattr(chat, "send", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        await application.projects.submit(c.SendMessage("Hi"), OWNER, project_id)
    monkeypatch.undo()
    assert await application.projects.submit(c.SendMessage("Hi"), OWNER, project_id)
    assert application.projects.on_their_way == 0
