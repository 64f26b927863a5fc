"""Consumers of the whole log: everything once and in order, whatever commits late; from where they were."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from collabcampus.app import fresh_id
from collabcampus.log import consume
from collabcampus.log.append import append
from collabcampus.log.consume import BEGIN, Checkpoint, CheckpointOfElsewhere, Fed, Stored, follow_all, lag
from collabcampus.log.database import Database
from collabcampus.log.export import export
from collabcampus.log.importing import import_file
from log.exported import elsewhere, everything
from log.writing import begun, said, write, writes

pytestmark = pytest.mark.anyio


async def fed(database: Database, name: str = "test") -> list[Fed]:
    """All there is by now for a consumer."""
    return [each async for each in follow_all(database, Stored(database, name), until_caught_up=True)]


def places(found: list[Fed]) -> list[tuple[str, int]]:
    return [(each.event.project_id, each.event.position) for each in found]


async def test_a_consumer_is_fed_each_event_once_and_goes_on_where_it_was(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume, "TRANSACTIONS_AT_ONCE", 7)
    made = await everything(database, 2)

    found = await fed(database)

    rows = await database.fetch("SELECT project_id, position FROM events")
    assert sorted(places(found)) == sorted(rows)
    for project_id in made:
        of_project = [position for each, position in places(found) if each == project_id]
        assert of_project == list(range(1, len(of_project) + 1))
    assert await fed(database) == []
    await write(database, writes(made[0], len(rows) // 2, said()))
    assert places(await fed(database)) == [(made[0], len(rows) // 2 + 1)]
    assert len(await fed(database, "another")) == len(rows) + 1


async def test_what_commits_late_is_not_skipped_and_the_lag_shows_that_it_is_waited_for(database: Database) -> None:
    early, late = fresh_id(), fresh_id()
    async with await database.connect() as slow:
        await slow.execute("BEGIN")
        await append(slow, [begun(late)])  # has its number, and is not there yet
        await write(database, begun(early))

        assert await fed(database) == [], "the late one would be behind the consumer for ever"
        behind = await lag(database, BEGIN)
        assert (behind.events, behind.held) == (1, 1)
        assert behind.seconds >= 0
        await slow.execute("COMMIT")

    found = await fed(database)
    assert places(found) == [(late, 1), (early, 1)]
    behind = await lag(database, found[-1].checkpoint)
    assert (behind.events, behind.held, behind.seconds) == (0, 0, 0)


async def test_a_consumer_that_waits_is_fed_what_comes(database: Database) -> None:
    project_id = fresh_id()
    found: list[Fed] = []

    async def follow() -> None:
        async for each in follow_all(database, Stored(database, "waits")):
            found.append(each)
            if len(found) == 3:
                return

    following = asyncio.create_task(follow())
    await write(database, begun(project_id))
    await asyncio.sleep(0.05)
    with psycopg.connect(database.conninfo, autocommit=True) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%FROM feed%' "
            "AND datname = current_database() AND pid <> pg_backend_pid()"
        )
    await write(database, writes(project_id, 1, said()))
    await write(database, writes(project_id, 2, said()))
    await asyncio.wait_for(following, 20)

    assert sorted(set(places(found)))[:2] == [(project_id, 1), (project_id, 2)]


async def test_all_consumers_are_listed_with_their_lag(database: Database) -> None:
    project_id = fresh_id()
    await write(database, begun(project_id))
    await fed(database, "b")
    await write(database, writes(project_id, 1, said(), said()))
    await fed(database, "a")

    found = [(each.name, each.checkpoint.position, each.lag.events) for each in await consume.consumers(database)]

    assert found == [("a", 3, 0), ("b", 1, 2)]


async def test_what_was_fed_and_not_handled_comes_again(database: Database) -> None:
    project_id = fresh_id()
    await write(database, begun(project_id))
    await write(database, writes(project_id, 1, said(), said()))
    checkpoints = Stored(database, "crashes")

    async for each in follow_all(database, checkpoints):
        if each.event.position == 2:
            await checkpoints.save(each.checkpoint)  # inside a transaction, and inside a page
            break

    assert places(await fed(database, "crashes")) == [(project_id, 3)]


async def test_writers_beside_a_consumer_lose_nothing(database: Database) -> None:
    projects = [fresh_id() for _ in range(4)]
    for each in projects:
        await write(database, begun(each))

    async def writer(project_id: str) -> None:
        for n in range(25):
            await write(database, writes(project_id, 1 + n, said()))

    found: list[Fed] = []

    async def follow() -> None:
        async for each in follow_all(database, Stored(database, "beside")):
            found.append(each)
            if len(found) == 4 * 26:
                return

    following = asyncio.create_task(follow())
    await asyncio.gather(*map(writer, projects))
    await asyncio.wait_for(following, 20)

    for project_id in projects:
        assert [p for each, p in places(found) if each == project_id] == list(range(1, 27))
    assert [each.checkpoint for each in found] == sorted(each.checkpoint for each in found)


async def test_the_feed_is_filled_by_an_import(database: Database, cluster: str, tmp_path: Path) -> None:
    await everything(database, 2)
    await export(database.conninfo, tmp_path / "log")
    with elsewhere(cluster) as conninfo:
        await import_file(conninfo, tmp_path / "log")
        other = Database(conninfo, most=1)
        await other.open()
        assert sorted(places(await fed(other))) == sorted(places(await fed(database)))
        await other.close()


async def test_a_checkpoint_of_another_server_is_refused(database: Database) -> None:
    checkpoints = Stored(database, "moved")
    await checkpoints.save(Checkpoint(2**40, fresh_id(), 1))

    with pytest.raises(CheckpointOfElsewhere):
        await fed(database, "moved")
    with psycopg.connect(database.conninfo, autocommit=True) as owner:
        owner.execute("CALL renumber_feed()")
    assert await fed(database, "moved") == []
