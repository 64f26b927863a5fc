"""The audit: where it may look, what it may cost, and that one project's damage hides no other's."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from collabcampus.app import fresh_id
from collabcampus.domain import events as e
from collabcampus.domain.project import fold, initial
from collabcampus.log import checks, folded, read, snapshots, verify
from collabcampus.log.database import APP_ROLE, Connection, Database
from log.writing import Command, begun, said, write, writes

pytestmark = pytest.mark.anyio

MORE_THAN_A_PAGE = folded.PAGE + 100


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[Connection]:
    """A connection as the database's owner."""
    connection: Connection
    async with await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True) as connection:
        yield connection


async def garden(database: Database) -> str:
    """A project with a task and some messages."""
    project_id = fresh_id()
    await write(database, begun(project_id, e.TaskCreated(fresh_id(), "Dig", "", "todo", "a0")))
    await write(database, writes(project_id, 2, said("one"), said("two")))
    return project_id


async def edit(owner: Connection, statement: str) -> None:
    """Change the log in spite of its triggers."""
    for (part,) in [("events",), *await (await owner.execute(checks.PARTITIONS.encode())).fetchall()]:
        await owner.execute(f"ALTER TABLE {part} DISABLE TRIGGER USER".encode())
    await owner.execute(statement.encode())


async def test_it_only_reads_and_whoever_may_read_may_audit(database: Database) -> None:
    project_id = await garden(database)
    state = fold(initial(project_id), [each async for each in read.history(database, project_id)])
    await snapshots.store(database, project_id, state.head, snapshots.encode(state))
    readers = f"-c default_transaction_read_only=on -c role={APP_ROLE}"
    async with (
        await psycopg.AsyncConnection.connect(
            make_conninfo(database.conninfo, options=readers), autocommit=True
        ) as one,
        await psycopg.AsyncConnection.connect(
            make_conninfo(database.conninfo, options=readers), autocommit=True
        ) as two,
    ):
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await one.execute("DELETE FROM snapshots")
        steps = list[tuple[int, int | None]]()
        audited = await verify.audit_whole(
            one, two, told=lambda progress: steps.append((progress.done, progress.total))
        )

    assert audited == verify.Audited(1, 4, [])
    assert steps[-1] == (8, 8)
    assert steps == sorted(steps)


async def test_beside_writers_both_connections_see_one_moment(database: Database, owner: Connection) -> None:
    async def keep_writing() -> None:
        while True:
            await garden(database)

    writing = asyncio.create_task(keep_writing())
    async with await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True) as other:
        seen = [await verify.audit_whole(owner, other) for _ in range(8)]
    assert not writing.done()
    writing.cancel()

    assert [each.findings for each in seen] == [[]] * 8
    assert seen[0].events < seen[-1].events


async def test_an_event_that_no_view_can_read_hides_nothing_else(database: Database, owner: Connection) -> None:
    broken, robbed, fine = [await garden(database) for _ in range(3)]
    nothing = """'{"messageId": "m", "text": 1e999999}'"""  # JSON, but no number that jsonb can hold
    await edit(owner, f"UPDATE events SET data = {nothing} WHERE project_id = '{broken}' AND position = 4")
    await owner.execute("DELETE FROM chat WHERE project_id = %s AND position = 3", (robbed,))

    found = await verify.audit(owner)

    by_project = {each: {f.check for f in found if f.project_id == each} for each in (broken, robbed, fine)}
    assert {"chain", "projection chat", "decodes"} <= by_project[broken]
    assert by_project[robbed] == {"projection chat", "fold chat"}
    assert by_project[fine] == set()


async def test_a_history_of_many_pages_is_folded_page_by_page_to_each_snapshot(
    database: Database, owner: Connection
) -> None:
    long, short = fresh_id(), await garden(database)
    person = fresh_id()
    messages = [
        Command([e.MessageSent(fresh_id(), str(nth), None, (), (person,))]) for nth in range(MORE_THAN_A_PAGE)
    ]
    await write(database, begun(long))
    await write(database, writes(long, 1, *messages))
    halfway = [each async for each in read.history(database, long, until=folded.PAGE + 50)]
    state = fold(initial(long), halfway)
    await snapshots.store(database, long, state.head, snapshots.encode(state))
    assert await verify.audit(owner) == []

    state.name = "Forged"
    await owner.execute("UPDATE snapshots SET state = %s WHERE project_id = %s", (snapshots.encode(state), long))
    await owner.execute(
        'UPDATE notification SET row = row || \'{"kind": "due"}\' WHERE position = 2 OR position > 2100'
    )
    await owner.execute("INSERT INTO snapshots SELECT %s, 9, fold_version, state FROM snapshots", (short,))

    assert {(f.project_id, f.check, f.what) for f in await verify.audit(owner) if "projection" not in f.check} == {
        (long, "snapshot", "the stored snapshot of position 2050 differs from the fold"),
        (long, "fold notification", f"2101:{person} (and 1 more) differs from the fold"),
        (short, "snapshot", "the stored snapshot is of position 9, beyond the head"),
    }


async def test_what_is_not_there_any_more_is_told_of_in_few_words(database: Database, owner: Connection) -> None:
    await garden(database)
    await owner.execute("TRUNCATE chat")
    await edit(owner, "UPDATE events SET hash = ''")

    found = {each.check: each.what for each in await verify.audit(owner)}

    assert found["chain"] == "the head has another hash than the last event"
    assert found["projection chat"].endswith(" is missing (and 1 more)")
    chained = [each.what for each in await verify.audit(owner) if each.check == "chain"]
    assert "position 1 has not the hash of its envelope, digest and predecessor (and 3 more)" in chained
