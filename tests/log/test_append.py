"""The append: dense positions under any number of writers, immutable once written, and nothing half done."""

import asyncio

import psycopg
import pytest

from collabcampus.app import fresh_id
from collabcampus.domain import events as e
from collabcampus.log import arrays, read, verify
from collabcampus.log.append import _ARRAYS, _parameters
from collabcampus.log.database import Database
from collabcampus.log.statement import Statement
from log.writing import Command, begun, said, write, writes

pytestmark = pytest.mark.anyio


async def test_eight_writers_at_once_number_a_project_without_a_hole(database: Database) -> None:
    project_id = fresh_id()
    await write(database, begun(project_id))
    moved = 0

    async def writer() -> None:
        nonlocal moved
        head = 1
        for _ in range(40):
            while True:
                outcome = (await write(database, writes(project_id, head, said(), said())))[project_id]
                if outcome == "appended":
                    head += 2
                    break
                moved += 1
                assert outcome == "moved"
                await asyncio.sleep(0.001)
                head = (await read.heads(database, [project_id]))[project_id]

    await asyncio.gather(*(writer() for _ in range(8)))

    positions = [each.position async for each in read.history(database, project_id)]
    assert positions == list(range(1, 1 + 8 * 40 * 2 + 1))
    assert moved > 0, "the writers never met, so nothing was shown"


async def test_a_head_that_moved_stops_its_project_alone(database: Database) -> None:
    first, second = sorted((fresh_id(), fresh_id()))
    await write(database, begun(first), begun(second))
    await write(database, writes(first, 1, said()))

    results = await write(database, writes(first, 1, said()), writes(second, 1, said()))

    assert results == {first: "moved", second: "appended"}
    assert await read.heads(database, [first, second]) == {first: 2, second: 2}


async def test_a_project_held_by_another_counts_as_moved_and_stalls_nobody(
    database: Database, database_url: str
) -> None:
    busy, free = fresh_id(), fresh_id()
    await write(database, begun(busy), begun(free))
    async with await psycopg.AsyncConnection.connect(database_url) as other:
        await other.execute("SELECT * FROM heads WHERE project_id = %s FOR UPDATE", (busy,))

        results = await asyncio.wait_for(write(database, writes(busy, 1, said()), writes(free, 1, said())), timeout=1)

    assert (results[busy], results[free]) == ("moved", "appended")


async def test_a_command_id_is_written_once_also_for_a_command_that_changed_nothing(database: Database) -> None:
    project_id, command_id, idle = fresh_id(), fresh_id(), fresh_id()
    await write(database, begun(project_id))
    nothing = Command([], idle, b"")
    await write(database, writes(project_id, 1, said(command_id=command_id), nothing))

    for again in (said(command_id=command_id), nothing):
        results = await write(database, writes(project_id, 2, again))
        assert results[project_id] == "repeated"
    assert await read.answered(database, project_id, [command_id, idle, fresh_id()]) == {
        command_id: read.Answered(b"digest", 2, 1),
        idle: read.Answered(b"", 2, 0),
    }
    assert await read.heads(database, [project_id]) == {project_id: 2}


async def test_a_task_id_is_unique_everywhere(database: Database) -> None:
    here, there, task_id = fresh_id(), fresh_id(), fresh_id()
    created = e.TaskCreated(task_id, "Dig", "", "todo", "a0")
    await write(database, begun(here, created), begun(there))

    taken = writes(there, 1, Command([created]))

    assert (await write(database, taken))[there] == "taken"
    assert await read.project_of(database, task_id) == here
    assert await read.heads(database, [there]) == {there: 1}


@pytest.mark.parametrize("who", ["app", "owner"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE events SET actor = actor",
        "UPDATE events SET actor = actor WHERE false",
        "DELETE FROM events",
        "TRUNCATE events",
        "TRUNCATE events_0",
        "UPDATE events_1 SET actor = actor",
        "SET session_replication_role = replica; DELETE FROM events",
    ],
)
async def test_the_log_cannot_be_changed(database: Database, database_url: str, who: str, change: str) -> None:
    project_id = fresh_id()
    await write(database, begun(project_id))
    before = await database.fetch("SELECT * FROM events")

    connection = await psycopg.AsyncConnection.connect(database_url)
    if who == "app":
        await connection.execute("SET ROLE collabcampus_app")

    with pytest.raises(psycopg.DatabaseError) as raised:
        await connection.execute(change.encode())

    await connection.close()

    assert raised.value.sqlstate == ("42501" if who == "app" else "CC001")
    assert await database.fetch("SELECT * FROM events") == before


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO events SELECT * FROM events",
        "UPDATE heads SET position = 9",
        "INSERT INTO heads VALUES (gen_random_uuid(), 1, '')",
        "DELETE FROM commands",
        "UPDATE board SET row = '{}'",
        "SELECT keep('{}', '{}', '{}', '{}', '{}', '{}', '{}')",
        "CREATE TABLE mine ()",
    ],
)
async def test_the_app_may_read_and_append_and_nothing_else(database: Database, query: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await database.fetch(query)


async def test_a_worker_of_before_which_does_not_say_whether_to_notify_appends_as_ever(
    database: Database, database_url: str
) -> None:
    project_id, places = fresh_id(), ", ".join(f"${nth}" for nth in range(1, 20))
    before = Statement(
        "append_before",
        f"SELECT project_id, outcome FROM append({places})",
        [arrays.ARRAY_OF[each] for each in _ARRAYS],
    )
    async with (
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as listening,
        database.connection() as connection,
    ):
        await listening.execute("LISTEN collabcampus_heads")
        values = _parameters([begun(project_id)], notify=False)[:-1]
        assert await before.run(connection, values) == []
        assert await before.run(connection, values) == [(project_id, "moved")]
        async for notified in listening.notifies(timeout=5, stop_after=1):
            assert notified.payload == f"{project_id}:1"


async def test_the_audit_finds_every_planted_edit(database: Database, database_url: str) -> None:
    project_id = fresh_id()
    await write(database, begun(project_id))
    await write(database, writes(project_id, 1, said("one"), said("two")))
    planted = {
        "chain": """UPDATE events SET data = '{"text": "edited"}' WHERE position = 2""",
        "positions": "DELETE FROM events WHERE position = 3",
        "projection chat": "DELETE FROM chat",
        "types": "UPDATE events SET type = 'Unheard' WHERE position = 2",
    }
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
        assert await verify.audit(owner) == []
        for check, fault in planted.items():
            async with owner.transaction(force_rollback=True):
                await owner.execute("ALTER TABLE events DISABLE TRIGGER USER")
                for number in range(8):
                    await owner.execute(f"ALTER TABLE events_{number} DISABLE TRIGGER USER".encode())
                await owner.execute(fault.encode())
                found = {each.check for each in await verify.check_all(owner)}
                assert check in found, f"{fault} was not found"
