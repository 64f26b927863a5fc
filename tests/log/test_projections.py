"""Python's fold, the view over the log and the kept table agree after every step; and the checker can fail."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from collabcampus.app import fresh_id
from collabcampus.domain import events as e
from collabcampus.domain import limits
from collabcampus.domain import project as state
from collabcampus.log.database import Database
from collabcampus.log.migrate import migrate
from collabcampus.log.rebuild import rebuild
from collabcampus.log.sources import sql_files
from log.histories import machine_on
from log.writing import Command, write, writes

SEARCH = settings(
    max_examples=40,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
HUNT = settings(SEARCH, max_examples=300, phases=[Phase.generate], database=None, derandomize=True)


@pytest.fixture
def histories(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[settings], None]]:
    """Runs random histories on a fresh database, where ranks are soon too long."""
    monkeypatch.setattr(limits, "RANK_LENGTH", 2)
    loop = asyncio.new_event_loop()
    database = Database(database_url, most=2)
    loop.run_until_complete(database.open())
    yield lambda how: run_state_machine_as_test(machine_on(loop, database), settings=how)
    loop.run_until_complete(database.close())
    loop.close()


def test_fold_view_and_table_agree_after_every_step(histories: Callable[[settings], None]) -> None:
    histories(SEARCH)


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("board", "TaskMoved, ", ""),
        ("board", "'{TaskDeleted}'", "'{}'"),
        ("board", "'updatedAt', at", "'updatedAt', ''"),
        ("membership", "'{MemberRemoved}'", "'{}'"),
        ("chat", "'author', actor", "'author', key"),
        ("project", "ProjectCreated, ProjectEdited,", "ProjectCreated,"),
        ("board", "WHEN 'CommentAdded' THEN data ->> 'taskId'", "WHEN 'CommentAdded' THEN event.key"),
        ("board", '"archived": false', '"archived": true'),
        ("chat", "'editedAt', at", "'editedAt', null"),
        ("label", "LabelEdited, ", ""),
        ("comment", "'editedAt', at", "'editedAt', null"),
        ("checklist", "coalesce(gone.item, key)", "key"),
        ("assignment", "'archived', data -> 'archived'", "'archived', true"),
        ("search", "jsonb_build_object('text', data -> 'text')", "'{}'"),
        ("notification", "ELSE 'mentioned'", "ELSE 'assigned'"),
    ],
)
def test_a_fault_planted_in_a_projection_is_caught(
    histories: Callable[[settings], None], database_url: str, tmp_path: Path, file: str, right: str, wrong: str
) -> None:
    files = {each.stem: each for each in sql_files("projections")}
    text = files[file].read_text()
    assert right in text
    files[file] = tmp_path / f"{file}.sql"
    files[file].write_text(text.replace(right, wrong))
    asyncio.run(migrate(database_url, projections=list(files.values())))

    with pytest.raises((AssertionError, BaseExceptionGroup)):
        histories(HUNT)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("old.row || excluded.row", "excluded.row || old.row"),
        ("WHERE change.type = ANY", "WHERE false AND change.type = ANY"),
        ("max(position) AS position", "min(position) AS position"),
        ("WHERE position > ended", "WHERE true"),
    ],
)
def test_a_fault_planted_in_the_keeper_is_caught(
    histories: Callable[[settings], None], database_url: str, right: str, wrong: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as owner:
        row = owner.execute("SELECT pg_get_functiondef('keep'::regproc)").fetchone()
        assert row
        assert right in row[0]
        owner.execute(row[0].replace(right, wrong))

    with pytest.raises((AssertionError, BaseExceptionGroup)):
        histories(HUNT)


def test_a_fault_planted_in_the_fold_is_caught(
    histories: Callable[[settings], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(state._MERGES, e.MemberRoleChanged, lambda *_: None)

    with pytest.raises((AssertionError, BaseExceptionGroup)):
        histories(HUNT)


def test_a_row_that_ended_and_came_back_in_one_batch_holds_nothing_of_its_first_life(
    database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "lives.sql"
    file.write_text("""
        CALL keep_projection('lives', '{MemberAdded, MemberRoleChanged, MemberRemoved}', '{MemberRemoved}', $$
            SELECT project_id, position, type, key,
                   jsonb_build_object(coalesce(data ->> 'role', 'none'), true) AS patch
            FROM event $$);
    """)
    asyncio.run(migrate(database_url, projections=[*sql_files("projections"), file]))
    person, project_id = fresh_id(), fresh_id()
    lives: list[list[e.Event]] = [
        [e.MemberAdded(person, "owner")],
        [e.MemberRoleChanged(person, "editor"), e.MemberRemoved(person), e.MemberAdded(person, "viewer")],
        [e.MemberRemoved(person)],
        [e.MemberAdded(person, "owner"), e.MemberRemoved(person), e.MemberAdded(person, "editor")],
    ]

    async def rows_after_each_batch() -> list[list[tuple[object, ...]]]:
        database, found, head = Database(database_url, most=1), [], 0
        await database.open()
        for batch in lives:
            await write(database, writes(project_id, head, Command(batch)))
            head += len(batch)
            rows = await database.fetch("SELECT row, position, since FROM lives")
            assert rows == await database.fetch("SELECT row, position, since FROM lives_from_log")
            found.append(rows)
        await database.close()
        return found

    assert asyncio.run(rows_after_each_batch()) == [
        [({"owner": True}, 1, 1)],
        [({"viewer": True}, 4, 4)],
        [],
        [({"editor": True}, 8, 8)],
    ]


@pytest.mark.anyio
async def test_what_was_said_about_a_task_goes_with_it(database: Database) -> None:
    project_id, task_id, comment_id, item_id = (fresh_id() for _ in range(4))
    said: list[e.Event] = [
        e.TaskCreated(task_id, "Dig", "", "todo", "a0"),
        e.CommentAdded(comment_id, task_id, "Deep?", 1),
        e.ChecklistItemAdded(item_id, task_id, "Spade", False, "a0"),
    ]

    async def keys() -> set[str]:
        found = set()
        for name in ("board", "comment", "checklist", "search", "assignment"):
            rows = await database.fetch(f"SELECT key FROM {name} UNION SELECT key FROM {name}_from_log")
            found |= {key for (key,) in rows}
        return found

    await write(database, writes(project_id, 0, Command(said)))
    assert await keys() == {task_id, comment_id, item_id}
    await write(database, writes(project_id, 3, Command([e.TaskDeleted(task_id, (comment_id,), (item_id,))])))
    assert await keys() == set()


@pytest.mark.anyio
async def test_a_rebalanced_column_gives_each_task_its_new_rank(database: Database) -> None:
    project_id, first, second, third = (fresh_id() for _ in range(4))
    made: list[e.Event] = [e.TaskCreated(each, "Dig", "", "todo", f"a{n}") for n, each in enumerate((first, second))]
    spread = e.ColumnRebalanced(project_id, "todo", {first: "b", second: "c"})

    await write(database, writes(project_id, 0, Command([*made, e.ColumnRebalanced(project_id, "todo", {})])))
    await write(database, writes(project_id, 3, Command([spread, e.TaskCreated(third, "Dig", "", "todo", "d")])))

    for name in ("board", "board_from_log"):
        rows = await database.fetch(f"SELECT key, row ->> 'rank', row ? 'title' FROM {name} ORDER BY row ->> 'rank'")
        assert rows == [(first, "b", True), (second, "c", True), (third, "d", True)]


def test_a_rebuild_gives_the_same_tables(histories: Callable[[settings], None], database_url: str) -> None:
    histories(settings(SEARCH, max_examples=20, derandomize=True))
    with psycopg.connect(database_url, autocommit=True) as owner:
        names = [each.stem for each in sql_files("projections")]
        kept = {name: _rows(owner, name) for name in names}
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE board SET row = '{}'")

        assert asyncio.run(rebuild(database_url, [])).projections == names

        assert {name: _rows(owner, name) for name in names} == kept
        assert kept["board"], "there was nothing to rebuild"


def _rows(connection: psycopg.Connection[tuple[object, ...]], name: str) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT * FROM {name} ORDER BY project_id, key, position".encode()).fetchall()
