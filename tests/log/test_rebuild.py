"""A read model is made anew beside the one in service: nobody waits, nothing is lost, and nothing comes back."""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from msgspec import structs

from collabcampus.app import fresh_id
from collabcampus.domain import events as e
from collabcampus.log import rebuild as log
from collabcampus.log import verify
from collabcampus.log.append import append
from collabcampus.log.database import Connection, Database
from collabcampus.log.migrate import migrate
from collabcampus.log.sources import sql_files
from log.writing import Command, begun, write, writes
from running import COLLABCAMPUS

pytestmark = pytest.mark.anyio

BOARD = next(each for each in sql_files("projections") if each.stem == "board")
STABLE = 50
ENOUGH = 200
WAIT_S = 30.0


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[Connection]:
    """A connection as the database's owner."""
    connection: Connection
    async with await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True) as connection:
        yield connection


def created(task_id: str) -> e.TaskCreated:
    return e.TaskCreated(task_id, "Dig", "", "todo", "a0")


async def garden(database: Database, tasks: int) -> tuple[str, list[str]]:
    """A project with that many tasks; its id and theirs."""
    project_id, made = fresh_id(), [fresh_id() for _ in range(tasks)]
    await write(database, begun(project_id, *map(created, made)))
    return project_id, made


async def filled(connection: Connection) -> None:
    """A new board that holds what there is by now."""
    assert await log.stage(connection, BOARD)
    for part, names in (await log.unfilled(connection, ["board"])).items():
        await log.fill(connection, names, part)
    await log.index(connection, "board")


async def keys(database: Database, table: str = "board") -> set[str]:
    return {key for (key,) in await database.fetch(f"SELECT key FROM {table}")}


async def until(connection: Connection, query: str) -> None:
    """Until the query says true."""
    async with asyncio.timeout(WAIT_S):
        while True:
            if await (await connection.execute(query.encode())).fetchone() == (True,):
                return
            await asyncio.sleep(0.02)


class Gardener:
    """Appends without a pause: tasks come, move and go, in one project after the other."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.written = 0
        self.at_it = asyncio.Event()
        self._heads: dict[str, int] = {}

    async def work(self) -> None:
        projects = [fresh_id() for _ in range(12)]
        while True:
            for project_id in projects:
                await self._once(project_id)

    async def _once(self, project_id: str) -> None:
        stays, goes = fresh_id(), fresh_id()
        happened = [created(stays), created(goes), e.TaskMoved(stays, "done", "a1"), e.TaskDeleted(goes, (), ())]
        for event in happened:
            base = self._heads.get(project_id, 0)
            outcome = await write(self.database, writes(project_id, base, Command([event])))
            assert outcome == {project_id: "appended"}
            self._heads[project_id] = base + 1
            self.written += 1
            if self.written == ENOUGH:
                self.at_it.set()


async def watch(database: Database, project_id: str, seen: list[int]) -> None:
    """Reads as the app does, by statements that its pool has prepared: the tasks of this project are always there."""
    while True:
        ((count, height),) = await database.fetch(
            "SELECT count(*) FILTER (WHERE project_id = %s), coalesce(max(position), 0) FROM board", project_id
        )
        assert count == STABLE
        seen.append(height)
        await asyncio.sleep(0)


async def test_all_are_rebuilt_while_people_write_and_read_and_nobody_notices(
    database: Database, owner: Connection
) -> None:
    project_id, _ = await garden(database, STABLE)
    gardener, seen = Gardener(database), list[int]()
    tasks = [asyncio.create_task(gardener.work()), asyncio.create_task(watch(database, project_id, seen))]
    async with asyncio.timeout(WAIT_S):
        await gardener.at_it.wait()
    before, steps = gardener.written, list[int]()

    done = await log.rebuild(database.conninfo, [], lambda progress: steps.append(progress.done))

    assert not [task for task in tasks if task.done()], "somebody was hindered"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert done.projections == [each.stem for each in sql_files("projections")]
    assert steps == list(range(len(steps)))
    assert gardener.written > before, "nobody wrote meanwhile"
    assert seen == sorted(seen), "a reader was taken back"
    assert await verify.audit(owner) == []


async def test_what_was_deleted_after_the_fill_does_not_come_back(database: Database, owner: Connection) -> None:
    project_id, (stays, goes) = await garden(database, 2)
    elsewhere, late = fresh_id(), fresh_id()
    await filled(owner)
    gone: list[e.Event] = [e.TaskMoved(stays, "done", "b0"), e.TaskDeleted(goes, (), ())]
    await write(database, writes(project_id, 3, Command(gone)))

    await write(database, begun(elsewhere, created(late)))
    assert await log.differing(owner, ["board"]) == []
    await log.swap(owner, "board")

    assert await keys(database) == {stays, late} == await keys(database, "board_from_log")
    assert await verify.audit(owner) == []


async def test_an_append_that_waits_for_the_swap_is_kept_in_the_new_table(
    database: Database, owner: Connection
) -> None:
    project_id, tasks = await garden(database, 1)
    await filled(owner)
    new, elsewhere, other = fresh_id(), fresh_id(), fresh_id()

    async with owner.transaction():
        await owner.execute("CALL rebuild_adopt('board')")
        waiting = asyncio.gather(
            write(database, writes(project_id, 2, Command([created(new)]))),
            write(database, begun(elsewhere, created(other))),
        )
        async with await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True) as looking:
            await until(
                looking, "SELECT count(*) = 2 FROM pg_locks WHERE relation = 'heads'::regclass AND NOT granted"
            )
    await waiting

    assert await keys(database) == {*tasks, new, other}
    assert await verify.audit(owner) == []


async def test_a_swap_waits_for_an_append_in_flight_and_takes_it_in(database: Database, owner: Connection) -> None:
    project_id, tasks = await garden(database, 1)
    await filled(owner)
    new = fresh_id()

    async with database.connection() as connection, connection.transaction():
        await append(connection, [writes(project_id, 2, Command([created(new)]))])
        swapping = asyncio.create_task(log.swap(owner, "board"))
        await asyncio.sleep(2 * log.SWAP_WAIT_MS / 1000)
        assert not swapping.done()
    await swapping

    assert await keys(database) == {*tasks, new}
    assert await verify.audit(owner) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("old.row || excluded.row", "old.row"),
        ("WHERE change.type = ANY", "WHERE false AND change.type = ANY"),
        ("NOT pg_visible_in_snapshot", "pg_visible_in_snapshot"),
        ("f.position - f.events + 1", "f.position"),
    ],
)
async def test_a_fault_in_the_following_is_caught_and_the_old_table_stays(
    database: Database, owner: Connection, right: str, wrong: str
) -> None:
    project_id, (stays, goes) = await garden(database, 2)
    (definition,) = (
        await (await owner.execute("SELECT pg_get_functiondef('rebuild_catch_up'::regproc)")).fetchone()
    ) or ("",)
    assert right in definition
    await owner.execute(definition.replace(right, wrong))
    await filled(owner)
    gone: list[e.Event] = [e.TaskMoved(stays, "done", "b0"), e.TaskDeleted(goes, (), ()), created(fresh_id())]
    await write(database, writes(project_id, 3, Command(gone)))

    with pytest.raises(log.RebuildRefused, match="the new board differs from the log"):
        await log.rebuild(database.conninfo, ["board"])

    assert await verify.audit(owner) == []
    assert await log.abandon(database.conninfo) == [], "it was left lying"


async def test_killed_in_the_middle_it_goes_on_where_it_was(database: Database, owner: Connection) -> None:
    project_id, tasks = await garden(database, 20)
    command = [str(COLLABCAMPUS), "rebuild", "board", "--json", "--database-url", database.conninfo]
    async with await psycopg.AsyncConnection.connect(database.conninfo) as holding:
        await holding.execute("LOCK TABLE events_5 IN ACCESS EXCLUSIVE MODE")
        killed = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
        await until(owner, "SELECT count(*) = 7 FROM rebuilt_parts")
        with pytest.raises(log.RebuildRefused, match="another rebuild is at it"):
            await log.rebuild(database.conninfo, ["chat"])
        killed.kill()
        await killed.communicate()
        await holding.rollback()
    begun_table = await (await owner.execute("SELECT 'rebuilding.board'::regclass::oid")).fetchone()
    await write(database, writes(project_id, 21, Command([e.TaskDeleted(tasks[0], (), ())])))
    await until(
        owner, f"SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND objid = {log.REBUILD_LOCK % 2**32}"
    )

    again = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    told, errors = await again.communicate()

    assert again.returncode == 0, errors
    assert json.loads(told)["projections"] == ["board"]
    assert await (await owner.execute("SELECT 'board'::regclass::oid")).fetchone() == begun_table
    assert await keys(database) == set(tasks[1:])
    assert await verify.audit(owner) == []


async def test_what_is_superseded_always_says_the_same_of_a_row_and_begins_none(owner: Connection) -> None:
    """An earlier event of such a type is not looked at: a field that it alone had set would be lost."""
    for file in sql_files("projections"):
        await log.stage(owner, file)
    rows = await (await owner.execute("SELECT DISTINCT unnest(superseded) FROM rebuilds")).fetchall()
    named = {name for (name,) in rows}

    assert named == {"TaskMoved", "MessageReacted", "MemberRoleChanged"}
    for name in named:
        assert all(field.required for field in structs.fields(e.EVENT_TYPES[name])), name


async def test_of_moves_the_last_counts_and_of_edits_every_one(database: Database, owner: Connection) -> None:
    project_id, (first, second) = await garden(database, 2)
    said, person = fresh_id(), fresh_id()
    happened: list[e.Event] = [
        e.TaskMoved(first, "done", "b0"), e.TaskEdited(first, title="Dig deep"), e.TaskMoved(first, "todo", "b1"),
        e.TaskEdited(first, description="With a spade"), e.TaskMoved(first, "done", "b2"),
        e.TaskMoved(second, "done", "c0"), e.TaskDeleted(second, (), ()),
        e.MemberAdded(person, "viewer"), e.MemberRoleChanged(person, "editor"), e.MemberRoleChanged(person, "viewer"),
        e.MessageSent(said, "Hello"), e.MessageReacted(said, {"+": (person,)}), e.MessageEdited(said, "Hello there"),
        e.MessageReacted(said, {}),
    ]  # fmt: skip
    assert await write(database, writes(project_id, 3, Command(happened))) == {project_id: "appended"}

    await log.rebuild(database.conninfo, [])

    assert await verify.audit(owner) == []
    rows = await database.fetch("SELECT row ->> 'title', row ->> 'rank', position FROM board ORDER BY position")
    assert rows == [("Dig deep", "b2", 8)]


async def test_an_abandoned_one_leaves_the_old_table_in_service(database: Database, owner: Connection) -> None:
    _, tasks = await garden(database, 3)
    await filled(owner)

    assert await log.abandon(database.conninfo) == ["board"]

    assert await keys(database) == set(tasks)
    assert await (
        await owner.execute("SELECT to_regclass('rebuilding.board'), to_regclass('rebuilding.board_from_log')")
    ).fetchone() == (None, None)


async def test_a_new_table_has_the_old_ones_indexes_grants_and_columns(database: Database, owner: Connection) -> None:
    async def shape() -> list[tuple[object, ...]]:
        query = """
            SELECT 'index', indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%\\_2'
            UNION ALL SELECT 'column', concat_ws(' ', table_name, column_name, data_type, generation_expression)
            FROM information_schema.columns WHERE table_schema = 'public'
            UNION ALL SELECT 'grant', concat_ws(' ', table_name, grantee, privilege_type)
            FROM information_schema.role_table_grants WHERE table_schema = 'public'
            UNION ALL SELECT 'options', relname || reloptions::text FROM pg_class WHERE reloptions IS NOT NULL
            ORDER BY 1, 2"""
        return await (await owner.execute(query.encode())).fetchall()

    await garden(database, 3)
    before = await shape()

    await log.rebuild(database.conninfo, [])

    assert await shape() == before


async def test_a_changed_file_is_deployed_while_the_old_shape_is_read_and_written(
    database: Database, owner: Connection, tmp_path: Path
) -> None:
    project_id, _ = await garden(database, 1)
    files = [each for each in sql_files("projections") if each.stem != "board"]
    files.append(tmp_path / "board.sql")
    files[-1].write_text(BOARD.read_text().replace("'createdAt', at", "'begunAt', at"))
    async with await psycopg.AsyncConnection.connect(database.conninfo) as reading:
        await reading.execute("SELECT FROM board")
        deploying = asyncio.create_task(migrate(database.conninfo, projections=files))
        await until(owner, "SELECT count(*) = 8 FROM rebuilt_parts")
        await write(database, writes(project_id, 2, Command([created(fresh_id())])))
        assert await database.fetch("SELECT row ? 'begunAt' FROM board") == [(False,), (False,)]
        assert not deploying.done(), "it is ready before its read model"
        await reading.rollback()
    done = await deploying

    assert done.projections == ["board"]
    assert await database.fetch("SELECT row ? 'begunAt' FROM board") == [(True,), (True,)]
    assert {each.check for each in await verify.audit(owner)} == {"fold board"}, "only Python knows of no such field"


async def test_while_somebody_reads_for_long_a_swap_locks_nothing(database: Database, owner: Connection) -> None:
    """It would make every append wait as long as it does, time and again."""
    await garden(database, 1)
    await filled(owner)
    async with await psycopg.AsyncConnection.connect(database.conninfo) as reading:
        await reading.execute("SELECT FROM board")
        await asyncio.sleep(2 * log.SWAP_WAIT_MS / 1000)
        swapping = asyncio.create_task(log.swap(owner, "board"))
        async with await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True) as looking:
            for _ in range(60):
                held = await looking.execute(
                    "SELECT FROM pg_locks WHERE relation = 'heads'::regclass AND mode = 'ShareRowExclusiveLock'"
                )
                assert held.rowcount == 0
                await asyncio.sleep(0.01)
        assert not swapping.done()
        await reading.rollback()
    await swapping


async def test_an_audit_beside_rebuilds_finds_nothing_missing(database: Database, owner: Connection) -> None:
    await garden(database, STABLE)
    rebuilding = asyncio.create_task(log.rebuild(database.conninfo, ["board", "assignment"]))
    audits = 0
    while not rebuilding.done():
        assert await verify.audit(owner) == []
        audits += 1
    await rebuilding
    assert audits
