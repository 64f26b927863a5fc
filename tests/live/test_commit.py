"""Group commit: one round trip for all that gathered, an outcome for each, and nothing shown before it is durable."""

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from collabcampus.app import Application, fresh_id, now
from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.project import Actor, Project
from collabcampus.live import projects as live
from collabcampus.live.attempts import Answer
from collabcampus.live.projects import Projects
from collabcampus.log import read
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

OWNER = Actor(PEOPLE[0])


class Positions:
    """Frames as the positions they tell."""

    def events(self, committed: Sequence[e.Recorded]) -> list[int]:
        return [each.position for each in committed]

    def presence(self, *_: object) -> list[int]:
        return []

    def crowd(self, *_: object) -> list[int]:
        return []

    def head(self, *_: object) -> list[int]:
        return []

    def resync(self, *_: object) -> list[int]:
        return []


class Heard:
    """A listener that writes down what it hears."""

    user_id, name = PEOPLE[0], "Alice"

    def __init__(self) -> None:
        self.positions: list[int] = []

    def send(self, frame: list[int]) -> None:
        self.positions += frame

    def left(self, project_id: str, reason: str) -> None:
        raise AssertionError(reason)


async def a_project(projects: Projects[list[int]]) -> str:
    """The id of a new project."""
    subject = (await projects.submit(c.CreateProject("Garden"), OWNER)).subject
    assert isinstance(subject, Project)
    return subject.project_id


@pytest.fixture
async def projects(application: Application) -> "Projects[list[int]]":
    """The application's live projects, heard by listeners of ours."""
    application.projects._frames = Positions()  # type: ignore[assignment]
    return application.projects  # type: ignore[return-value]


async def test_what_gathers_while_a_commit_is_in_flight_goes_in_the_next_one(
    projects: Projects[list[int]],
) -> None:
    ids = [await a_project(projects) for _ in range(5)]
    before = sum(lane.batches for lane in projects._lanes)

    said = [projects.submit(c.SendMessage(str(number)), OWNER, ids[number % 5]) for number in range(200)]
    answers = await asyncio.gather(*said)

    assert sum(lane.batches for lane in projects._lanes) - before <= 3 * len(projects._lanes)
    assert sorted(answer.position for answer in answers) == sorted([*range(3, 43)] * 5)


async def test_the_room_hears_each_event_once_in_order_and_none_before_its_commit(
    projects: Projects[list[int]], database_url: str
) -> None:
    project_id, heard = await a_project(projects), Heard()
    async with projects.using(project_id) as joined:
        joined.room.enter(heard)  # type: ignore[arg-type]
    async with await psycopg.AsyncConnection.connect(database_url) as other:
        await other.execute("SELECT FROM heads WHERE project_id = %s FOR UPDATE", (project_id,))
        saying = [asyncio.create_task(projects.submit(c.SendMessage(str(n)), OWNER, project_id)) for n in range(50)]
        await asyncio.sleep(0.2)
        assert heard.positions == []
        await other.rollback()
        await asyncio.gather(*saying)

    assert heard.positions == list(range(3, 53))
    joined.room.leave(heard)  # type: ignore[arg-type]


async def test_one_command_that_cannot_be_stored_fails_alone(projects: Projects[list[int]]) -> None:
    ids = [await a_project(projects) for _ in range(4)]
    texts = [(ids[number % 4], "a\0b" if number == 13 else str(number)) for number in range(40)]

    came = await asyncio.gather(
        *(projects.submit(c.SendMessage(text), OWNER, project_id) for project_id, text in texts),
        return_exceptions=True,
    )

    assert [n for n, each in enumerate(came) if isinstance(each, BaseException)] == [13]
    assert isinstance(came[13], psycopg.Error)
    for project_id in ids:
        state = await projects.read(project_id)
        assert [each.text for each in state.messages.values()] == [
            text for where, text in texts if where == project_id and "\0" not in text
        ]


async def test_a_refusal_on_top_of_what_is_not_committed_yet_waits_for_it(
    projects: Projects[list[int]], database_url: str
) -> None:
    project_id, task_id = await a_project(projects), fresh_id()
    await projects.submit(c.CreateTask("Dig", task_id), OWNER, project_id)
    async with await psycopg.AsyncConnection.connect(database_url) as other:
        await other.execute("SELECT FROM heads WHERE project_id = %s FOR UPDATE", (project_id,))
        deleting = asyncio.create_task(projects.submit(c.DeleteTask(task_id), OWNER, project_id))
        await asyncio.sleep(0.05)
        moving = asyncio.create_task(projects.submit(c.MoveTask(task_id, "done"), OWNER, project_id))
        await asyncio.sleep(0.2)
        assert not moving.done(), "refused because of what may never happen"
        await other.rollback()

    assert (await deleting).position == 4
    with pytest.raises(errors.TaskNotFound):
        await moving


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_back(
    projects: Projects[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = await a_project(projects)
    monkeypatch.setattr(live, "COMMANDS_WAITING", 10)

    came = await asyncio.gather(
        *(projects.submit(c.SendMessage(str(number)), OWNER, project_id) for number in range(30)),
        return_exceptions=True,
    )

    refused = [each for each in came if isinstance(each, errors.Overloaded)]
    assert len(refused) == 20
    assert refused[0].details == {"retryAfter": 1}
    assert isinstance(await projects.submit(c.SendMessage("Later"), OWNER, project_id), Answer)


async def test_a_project_is_loaded_from_its_stored_snapshot_and_the_events_after_it(
    application: Application, projects: Projects[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = await a_project(projects)
    monkeypatch.setattr("collabcampus.live.history.SHORTEST_TAIL", 10)
    for number in range(20):
        await projects.submit(c.SendMessage(str(number)), OWNER, project_id)
    await projects.read(project_id)
    await projects.submit(c.EditProject(name="Park"), OWNER, project_id)
    pages: list[int] = []
    right = read.page_after

    async def counted(database: object, project_id: str, position: int, limit: int = read.PAGE) -> read.Page:
        pages.append(position)
        return await right(application.database, project_id, position, limit)

    monkeypatch.setattr(read, "page_after", counted)
    elsewhere: Projects[list[int]] = Projects(application.database, Positions(), now=now, fresh_id=fresh_id)  # type: ignore[arg-type]

    state = await elsewhere.read(project_id)

    assert pages[0] == 22, "it was read from the beginning"
    assert state == await projects.read(project_id)
    assert state.name == "Park"


async def test_a_snapshot_of_another_fold_is_not_used(
    application: Application, projects: Projects[list[int]], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project_id = await a_project(projects)
    monkeypatch.setattr("collabcampus.live.history.SHORTEST_TAIL", 1)
    await projects.read(project_id)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
        for damage in ("fold_version = fold_version + 1", "fold_version = 1, state = 'nonsense'"):
            changed = await owner.execute(f"UPDATE snapshots SET {damage}".encode())
            assert changed.rowcount == 1
            elsewhere: Projects[list[int]] = Projects(application.database, Positions(), now=now, fresh_id=fresh_id)  # type: ignore[arg-type]
            assert (await elsewhere.read(project_id)).name == "Garden"


async def test_idle_projects_beyond_the_bytes_are_let_go(projects: Projects[list[int]]) -> None:
    ids = [await a_project(projects) for _ in range(5)]
    projects._capacity_bytes = 3 * projects._live[ids[0]].weight

    await projects.heal()

    assert list(projects._live) == ids[2:]
