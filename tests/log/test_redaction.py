"""Words are gone from every table for good, and the log's chain, the fold and the read models still agree."""

from pathlib import Path

import psycopg
import pytest

from collabcampus.app import fresh_id
from collabcampus.domain import events as e
from collabcampus.domain.project import fold, initial
from collabcampus.domain.words import MARKER
from collabcampus.log import read, rebuild, redaction, snapshots, verify
from collabcampus.log.database import Connection, Database
from collabcampus.log.export import export
from collabcampus.log.importing import import_file
from collabcampus.log.verified import Damaged, batches
from log.agreement import disagreements
from log.exported import elsewhere, held
from log.writing import Command, begun, said, write, writes
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

SECRET = "my sister is ill, and nobody is to know"
ANN, BOB = PEOPLE[0], PEOPLE[1]
COLUMNS_OF_ALL = """
    SELECT format('%I.%I', c.table_schema, c.table_name), quote_ident(c.column_name)
    FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
    WHERE t.table_type = 'BASE TABLE'
        AND (t.table_schema IN ('public', 'rebuilding') AND t.table_name <> 'events' OR t.table_name = 'pg_statistic')
"""


@pytest.fixture
def owner(database: Database) -> psycopg.Connection[tuple[object, ...]]:
    """A connection as the database's owner."""
    return psycopg.connect(database.conninfo, autocommit=True)


async def told_in_many_ways(database: Database) -> tuple[str, dict[str, int]]:
    """A project in which Ann tells a secret, Bob quotes it and an undo brings it back; where each stands."""
    project_id, task, comment, item = (fresh_id() for _ in range(4))
    other, quoting = fresh_id(), fresh_id()
    happened: list[tuple[str, str, e.Event]] = [
        ("task", ANN, e.TaskCreated(task, f"Why I am away: {SECRET}", "", "todo", "a0")),
        ("comment", ANN, e.CommentAdded(comment, task, SECRET, 1)),
        ("edit", ANN, e.TaskEdited(task, title="I am away", description=SECRET)),
        ("item", ANN, e.ChecklistItemAdded(item, task, SECRET, False, "a0")),
        ("quote", BOB, e.CommentAdded(quoting, task, f"> {SECRET}\nOh dear", 2)),
        ("undo", BOB, e.TaskEdited(task, title=f"Why I am away: {SECRET}")),
        ("message", ANN, e.MessageSent(other, SECRET)),
        ("after", BOB, e.TaskEdited(task, priority="high")),
    ]
    await write(database, begun(project_id))
    await write(database, writes(project_id, 1, *(Command([event], actor=who) for _, who, event in happened)))
    return project_id, {name: place for place, (name, *_) in enumerate(happened, 2)}


def tables_with(connection: psycopg.Connection[tuple[object, ...]], text: str) -> set[str]:
    """The tables that hold this text, in whatever column and form."""
    found = set()
    for table, column in connection.execute(COLUMNS_OF_ALL).fetchall():
        for value in (f"strpos({column}::text, %(text)s) > 0", f"strpos({column}::text, %(hex)s) > 0"):
            query = f"SELECT true FROM {table} WHERE {value} LIMIT 1"
            if connection.execute(query.encode(), {"text": text, "hex": text.encode().hex()}).fetchone():
                found.add(str(table))
    return found


async def audited(database: Database) -> list[str]:
    connection: Connection
    async with await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True) as connection:
        return [f"{each.check}: {each.what}" for each in await verify.audit(connection)]


async def test_what_a_person_wrote_is_in_no_table_any_more_and_all_still_agrees(
    database: Database, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    project_id, at = await told_in_many_ways(database)
    bystander = fresh_id()
    await write(database, begun(bystander), writes(project_id, 9, said("Hi")))
    state = fold(initial(project_id), [each async for each in read.history(database, project_id)])
    await snapshots.store(database, project_id, state.head, snapshots.encode(state))
    owner.execute("ANALYZE")
    before = owner.execute("SELECT hash, position FROM heads ORDER BY 1").fetchall()
    assert {"public.board", "public.search", "public.snapshots", "pg_catalog.pg_statistic"} <= tables_with(
        owner, SECRET
    )

    done = await redaction.redact_person(database.conninfo, ANN, "she asked for it")

    assert [each.position for each in done.redacted] == [at[each] for each in at if each != "after"] + [10]
    assert tables_with(owner, SECRET) == set()
    assert owner.execute("SELECT hash, position FROM heads ORDER BY 1").fetchall() == before
    assert await audited(database) == []
    history = [each async for each in read.history(database, project_id)]
    assert await disagreements(database, fold(initial(project_id), history)) == []
    texts = {at: event.event for at, event in enumerate(history, 1)}
    assert getattr(texts[at["quote"]], "text", "") == f"> {MARKER}\nOh dear"
    assert getattr(texts[at["undo"]], "title", "") == MARKER


async def test_positions_say_what_goes_and_who_says_the_same_elsewhere_is_told(database: Database) -> None:
    project_id, at = await told_in_many_ways(database)
    copy = fresh_id()
    copied = e.TaskCreated(fresh_id(), "", SECRET, "todo", "a0")
    await write(database, begun(copy, copied))

    done = await redaction.redact(database.conninfo, project_id, [at["comment"]], "a promise")

    gone = {each.position for each in done.redacted}
    assert gone == {at[each] for each in ("task", "comment", "edit", "item", "quote", "undo")}
    assert done.elsewhere == [redaction.Place(project_id, at["message"]), redaction.Place(copy, 2)]
    assert await audited(database) == []


async def test_names_go_by_position_and_stay_where_a_person_is_named(
    database: Database, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    project_id = fresh_id()
    columns = (e.Column("todo", "To do"), e.Column("ann", "For Ann alone"))
    happened = [e.ColumnAdded(project_id, "ann", columns), e.LabelCreated(fresh_id(), "Ann's label")]
    await write(database, begun(project_id, *happened))

    by_person = await redaction.redact_person(database.conninfo, ANN, "closed")
    assert by_person.redacted == []
    await redaction.redact(database.conninfo, project_id, [2, 3], "names")

    assert tables_with(owner, "Ann") == set()
    assert tables_with(owner, "To do") == {partition(owner, project_id), "public.project"}
    assert await audited(database) == []


def partition(owner: psycopg.Connection[tuple[object, ...]], project_id: str) -> str:
    row = owner.execute("SELECT tableoid::regclass::text FROM events WHERE project_id = %s", (project_id,)).fetchone()
    assert row
    return f"public.{row[0]}"


CHANGES = [
    "UPDATE events SET data = '{}' WHERE position = 2",
    "UPDATE events SET salt = NULL",
    "DELETE FROM redactions",
    "UPDATE redactions SET reason = 'none'",
    "TRUNCATE redactions",
    "SELECT set_config('collabcampus.redacting', project_id || ':2', false) FROM heads; "
    "UPDATE events SET data = '{}', salt = NULL WHERE position = 2",
    "SELECT set_config('collabcampus.redacting', project_id || ':3', false) FROM heads; "
    "UPDATE events SET actor = project_id WHERE position = 3",
    "SELECT set_config('collabcampus.redacting', project_id || ':3', false) FROM heads; "
    "DELETE FROM events WHERE position = 3",
]


async def test_nothing_else_changes_the_log_not_even_its_owner_nor_the_servers_role(
    database: Database, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    project_id, at = await told_in_many_ways(database)
    await redaction.redact(database.conninfo, project_id, [at["comment"]], "a promise")

    for change in CHANGES:
        with pytest.raises(psycopg.Error) as raised:
            owner.execute(change.encode())
        assert raised.value.sqlstate == "CC001", change
    for query in ("CALL redact(%s, 2, '{}', 'me')", "CALL show_redacted(%s)"):
        async with database.connection() as connection:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(query.encode(), (project_id,))


FORGED = {
    "a redaction that nobody wrote down": ("UPDATE events SET salt = NULL, data = '{}' WHERE position = 4", 4),
    "words put into the mouth of who was redacted": (
        "UPDATE events SET data = replace(data::text, '[redacted]', 'I confess')::json WHERE position = 3", 3
    ),
    "a redaction forgotten": ("DELETE FROM redactions WHERE position = 3", 3),
    "a redaction invented": (
        "INSERT INTO redactions SELECT project_id, 9, 1, 9, now(), 'me', 'why', sha256('') FROM heads", 9
    ),
    "a second one invented without a first": (
        "INSERT INTO redactions SELECT project_id, 9, 2, 9, now(), 'me', 'why', sha256('') FROM heads", 9
    ),
}  # fmt: skip


async def test_the_audit_tells_redactions_from_damage(
    database: Database, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    project_id, at = await told_in_many_ways(database)
    await redaction.redact(database.conninfo, project_id, [at["comment"]], "a promise")
    found = await audited(database)
    async with database.connection() as connection:
        counted = await redaction.count(connection)
    owner.execute("SET session_replication_role = replica; ALTER TABLE redactions DISABLE TRIGGER ALL")
    for table in ("events", *(f"events_{n}" for n in range(8))):
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())  # a superuser can do anything

    assert (found, counted) == ([], 6)
    for what, (forging, position) in FORGED.items():
        with owner.transaction(force_rollback=True):
            owner.execute(forging.encode())
            rows = owner.execute(redaction.UNACCOUNTED.encode()).fetchall()
            assert [(str(row[0]), str(row[1]).split()[1]) for row in rows] == [(project_id, str(position))], what


async def test_a_state_from_before_is_not_stored_after(database: Database) -> None:
    project_id, at = await told_in_many_ways(database)
    old = fold(initial(project_id), [each async for each in read.history(database, project_id)])
    known = await read.redactions(database, [project_id])

    await redaction.redact(database.conninfo, project_id, [at["comment"]], "a promise")
    await snapshots.store(database, project_id, old.head, snapshots.encode(old))

    assert known == {project_id: read.UNREDACTED}
    assert await snapshots.load(database, project_id) is None
    now = (await read.redactions(database, [project_id]))[project_id]
    assert now == read.Redactions(6, old.head)
    await snapshots.store(database, project_id, old.head, snapshots.encode(old), now.count)
    assert await snapshots.load(database, project_id) is not None


async def test_an_unfinished_rebuild_is_cleared_and_one_at_work_refuses(
    database: Database, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    project_id, at = await told_in_many_ways(database)
    async with rebuild.alone(database.conninfo, wait=False) as connection:
        (board,) = rebuild.files_of(["board"])
        await rebuild.stage(connection, board)
        for part in range(rebuild.PARTS):
            await rebuild.fill(connection, ["board"], part)
        with pytest.raises(rebuild.RebuildRefused):
            await redaction.redact(database.conninfo, project_id, [at["task"]], "why")

    await redaction.redact_person(database.conninfo, ANN, "why")

    assert tables_with(owner, SECRET) == set()


async def test_a_place_that_says_nothing_is_refused_and_nothing_is_done(database: Database) -> None:
    project_id, _ = await told_in_many_ways(database)
    await write(database, writes(project_id, 9, Command([e.MemberAdded(BOB, "editor")])))

    for position in (99, 10):
        with pytest.raises(redaction.NotRedacted):
            await redaction.redact(database.conninfo, project_id, [2, position], "why")

    async with database.connection() as connection:
        assert await redaction.count(connection) == 0


async def test_an_export_brings_redactions_along_to_the_bit_and_none_can_be_left_out(
    database: Database, cluster: str, tmp_path: Path
) -> None:
    project_id, at = await told_in_many_ways(database)
    await redaction.redact(database.conninfo, project_id, [at["comment"]], 'a "promise"')
    await redaction.redact_person(database.conninfo, ANN, "she asked for it")
    exported = tmp_path / "log"
    footer = await export(database.conninfo, exported)

    with elsewhere(cluster) as other:
        await import_file(other, exported)
        await export(other, tmp_path / "again")
        assert held(other) == held(database.conninfo)
        assert (tmp_path / "again").read_bytes() == exported.read_bytes()
    assert footer.redactions == 10
    lines = exported.read_bytes().splitlines(keepends=True)
    without = [each for each in lines if not each.startswith(b'{"line":"redaction","position":4')]
    exported.write_bytes(b"".join(without))
    with pytest.raises(Damaged, match="position 4 was changed and no redaction says so"):
        list(batches(exported))
