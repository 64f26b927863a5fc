"""Import: the same log bit for bit and all that follows from it, or nothing."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from collabcampus.app import fresh_id
from collabcampus.domain import events as e
from collabcampus.log import importing, lines, verify
from collabcampus.log.database import Database
from collabcampus.log.export import Counts, export
from collabcampus.log.importing import HistoryDiffers, IdTaken, import_file
from log.exported import elsewhere, everything, held
from log.histories import machine_on
from log.test_projections import SEARCH
from log.writing import Command, begun, said, write, writes

pytestmark = pytest.mark.anyio


@pytest.fixture
def other(cluster: str) -> Iterator[str]:
    """Another database."""
    with elsewhere(cluster) as conninfo:
        yield conninfo


async def findings(conninfo: str) -> list[verify.Finding]:
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        return await verify.audit(connection)


async def test_what_was_exported_and_imported_is_the_same_to_the_bit(
    database: Database, other: str, tmp_path: Path
) -> None:
    await everything(database)
    await export(database.conninfo, tmp_path / "log")

    done = await import_file(other, tmp_path / "log")

    assert held(other) == held(database.conninfo)
    await export(other, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "log").read_bytes()
    assert await findings(other) == []
    assert (done.projects, done.known_projects) == (3, 0)
    again = await import_file(other, tmp_path / "log")
    assert again == importing.Imported(known_projects=3)
    assert held(other) == held(database.conninfo)


def test_random_histories_come_back_to_the_bit(cluster: str, database_url: str, other: str, tmp_path: Path) -> None:
    async def out_and_in() -> None:
        await export(database_url, tmp_path / "log")
        await import_file(other, tmp_path / "log")
        await export(other, tmp_path / "again")

    with asyncio.Runner() as runner:
        loop, database = runner.get_loop(), Database(database_url, most=2)
        runner.run(database.open())
        how = settings(SEARCH, max_examples=15, derandomize=True, database=None)
        run_state_machine_as_test(machine_on(loop, database), settings=how)
        runner.run(database.close())
        runner.run(out_and_in())

        assert (tmp_path / "again").read_bytes() == (tmp_path / "log").read_bytes()
        assert held(other) == held(database_url)
        assert len(held(other)["heads"]) >= 15
        assert runner.run(findings(other)) == []


async def test_a_project_goes_on_where_its_history_is_the_files(
    database: Database, other: str, tmp_path: Path
) -> None:
    project_id = fresh_id()
    await write(database, begun(project_id, *(e.MessageSent(fresh_id(), f"{n}") for n in range(20))))
    await export(database.conninfo, tmp_path / "short")
    await write(database, writes(project_id, 21, said(), said(), Command([])))
    await export(database.conninfo, tmp_path / "long")

    await import_file(other, tmp_path / "short")
    done = await import_file(other, tmp_path / "long")
    assert (done.projects, done.events) == (1, 2)
    assert held(other) == held(database.conninfo)

    await write(database, writes(project_id, 23, Command([])))
    await export(database.conninfo, tmp_path / "answered")
    await import_file(other, tmp_path / "answered")
    assert held(other) == held(database.conninfo), "what changed nothing was answered, too"

    done = await import_file(other, tmp_path / "short")
    assert (done.projects, done.events, done.known_projects) == (0, 0, 1)
    assert held(other) == held(database.conninfo)


async def test_another_history_is_refused_whether_it_is_shorter_or_longer(
    database: Database, other: str, tmp_path: Path
) -> None:
    project_id, at_other = fresh_id(), Database(other, most=1)
    await at_other.open()
    await write(database, begun(project_id, e.MessageSent(fresh_id(), "Here")))
    await export(database.conninfo, tmp_path / "log")
    await write(at_other, begun(project_id))
    for more in (0, 3):
        for n in range(more):
            await write(at_other, writes(project_id, 1 + n, said()))
        before = held(other)

        with pytest.raises(HistoryDiffers, match=project_id):
            await import_file(other, tmp_path / "log")
        assert held(other) == before
    await at_other.close()


async def test_a_task_that_is_another_projects_here_is_refused_with_its_whole_project(
    database: Database, other: str, tmp_path: Path
) -> None:
    task, at_other = fresh_id(), Database(other, most=1)
    await at_other.open()
    made = e.TaskCreated(task, "Dig", "", "todo", "a0")
    await write(database, begun(fresh_id(), made))
    await write(at_other, begun(fresh_id(), made))
    await at_other.close()
    await export(database.conninfo, tmp_path / "log")
    before = held(other)

    with pytest.raises(IdTaken, match=task):
        await import_file(other, tmp_path / "log")
    assert held(other) == before


async def test_a_project_that_is_being_written_is_waited_for_and_nothing_else_is(
    database: Database, other: str, tmp_path: Path
) -> None:
    project_id = fresh_id()
    await write(database, begun(project_id))
    await export(database.conninfo, tmp_path / "short")
    await import_file(other, tmp_path / "short")
    await write(database, writes(project_id, 1, said()))
    await export(database.conninfo, tmp_path / "log")

    async with await psycopg.AsyncConnection.connect(other) as writer:
        await writer.execute("SELECT FROM heads WHERE project_id = %s FOR UPDATE", (project_id,))
        importing_it = asyncio.create_task(import_file(other, tmp_path / "log"))
        await asyncio.sleep(0.1)
        assert not importing_it.done()
    done = await importing_it

    assert (done.projects, held(other)) == (1, held(database.conninfo))


async def test_running_servers_hear_of_the_new_head(database: Database, other: str, tmp_path: Path) -> None:
    project_id = fresh_id()
    await write(database, begun(project_id))
    await export(database.conninfo, tmp_path / "log")
    async with await psycopg.AsyncConnection.connect(other, autocommit=True) as server:
        await server.execute("LISTEN collabcampus_heads")

        await import_file(other, tmp_path / "log")

        heard = [each.payload async for each in server.notifies(timeout=5, stop_after=1)]
    assert heard == [f"{project_id}:1"]


async def test_people_without_an_account_get_one_that_nobody_can_sign_in_to_by_a_password(
    other: str, tmp_path: Path
) -> None:
    new, known = fresh_id(), fresh_id()
    with psycopg.connect(other, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO accounts (user_id, email, name, password_hash) VALUES (%s, 'a@x.y', 'A', 'h')", (known,)
        )
    people = (lines.Person(new, "New", "new@x.y"), lines.Person(known, "Other", "other@x.y"))
    await asyncio.to_thread(_written, tmp_path / "log", *people)

    done = await import_file(other, tmp_path / "log")

    with psycopg.connect(other) as owner:
        rows = owner.execute(
            "SELECT user_id::text, email, name, password_hash FROM accounts ORDER BY email"
        ).fetchall()
    assert rows == [(known, "a@x.y", "A", "h"), (new, "new@x.y", "New", "")]
    assert done.people == 1


def _written(file: Path, *people: lines.Person) -> None:
    counts = Counts()
    text = b"".join(map(lines.encode, (lines.Header(lines.VERSION), *people)))
    counts.count(text)
    file.write_bytes(text + lines.encode(counts.footer))
