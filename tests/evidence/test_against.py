"""What the chain alone cannot tell, the audit against checkpoints finds; and it accuses nobody falsely."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from collabcampus.app import fresh_id, now
from collabcampus.evidence.against import NO_PROJECT, against
from collabcampus.evidence.signing import PrivateKey, public_file, public_keys
from collabcampus.evidence.taking import Evidence, take
from collabcampus.log import verify
from collabcampus.log.database import Connection, Database
from log.writing import begun, said, write, writes

pytestmark = pytest.mark.anyio

REWRITTEN = """
    DO $$
    DECLARE
        e record;
        link bytea;
    BEGIN
        UPDATE events SET data = '{{"text": "never said"}}' WHERE project_id = '{0}' AND position = {1};
        UPDATE events SET digest = sha256(salt || convert_to(data::text, 'UTF8'))
        WHERE project_id = '{0}' AND position = {1};
        SELECT hash INTO link FROM events WHERE project_id = '{0}' AND position = {1} - 1;
        FOR e IN SELECT * FROM events WHERE project_id = '{0}' AND position >= {1} ORDER BY position LOOP
            link := sha256(
                link || leaf(e.project_id, e.position, e.type, e.key, e.actor, e.command_id, e.at, e.digest));
            UPDATE events SET hash = link WHERE project_id = '{0}' AND position = e.position;
        END LOOP;
        UPDATE heads SET hash = link WHERE project_id = '{0}';
    END $$
"""
CUT = """
    DELETE FROM events WHERE project_id = '{0}' AND position >= {1};
    UPDATE heads AS h SET position = e.position, hash = e.hash FROM events AS e
    WHERE h.project_id = '{0}' AND e.project_id = '{0}' AND e.position = {1} - 1
"""
GONE = "DELETE FROM events WHERE project_id = '{0}'; DELETE FROM heads WHERE project_id = '{0}'"
ATTACKS = (REWRITTEN, CUT, GONE)
SEED, PROJECTS, ROUNDS, TRIES = 7, 40, 6, 100


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Connection]:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return Evidence(tmp_path / "checkpoints", tmp_path / "evidence.key")


async def found(connection: Connection, evidence: Evidence) -> list[verify.Finding]:
    return await against(connection, evidence.folder, public_keys(public_file(evidence.key)))


async def taken(connection: Connection, evidence: Evidence) -> str:
    name = await take(connection, evidence, now())
    assert name
    return name


async def told(database: Database) -> str:
    """A project of four events."""
    project_id = fresh_id()
    await write(database, begun(project_id))
    await write(database, writes(project_id, 1, said("one"), said("two"), said("three")))
    return project_id


async def test_a_log_that_only_grew_holds_against_every_checkpoint(
    database: Database, owner: Connection, evidence: Evidence
) -> None:
    projects = [await told(database) for _ in range(5)]
    await taken(owner, evidence)
    assert await take(owner, evidence, now()) is None
    for project_id in projects[:3]:
        await write(database, writes(project_id, 4, said()))
    await taken(owner, evidence)
    await write(database, writes(projects[0], 5, said()))
    await told(database)

    assert len(evidence.folder.names()) == 2
    assert await found(owner, evidence) == []


@pytest.mark.parametrize(
    ("attack", "what"),
    [
        (REWRITTEN, "position 4 has another hash than it had"),
        (CUT, "position 4 is gone"),
        (GONE, "position 4 is gone"),
    ],
)
async def test_whoever_may_do_anything_in_the_database_cannot_undo_what_was_signed(
    database: Database, owner: Connection, evidence: Evidence, attack: str, what: str
) -> None:
    project_id = await told(database)
    name = await taken(owner, evidence)
    await unlock(owner)
    await owner.execute(attack.format(project_id, 2 if attack is REWRITTEN else 3).encode())

    assert {each.check for each in await verify.audit(owner)}.isdisjoint({"positions", "chain"})
    assert await found(owner, evidence) == [verify.Finding(f"checkpoint {name}", project_id, what)]


async def test_of_random_attacks_each_on_what_was_signed_is_found_and_no_other_project_accused(
    database: Database, owner: Connection, evidence: Evidence
) -> None:
    random = Random(SEED)
    heads = {fresh_id(): 1 for _ in range(PROJECTS)}
    await write(database, *map(begun, heads))
    signed: dict[str, int] = {}
    for nth in range(ROUNDS):
        grown = {each: random.randint(1, 4) for each in random.sample(sorted(heads), PROJECTS // 3)}
        batch = (writes(each, heads[each], *(said() for _ in range(more))) for each, more in grown.items())
        await write(database, *batch)
        heads |= {each: heads[each] + more for each, more in grown.items()}
        if nth < ROUNDS - 1:  # none covers the last of it
            await taken(owner, evidence)
            signed = dict(heads)
    await unlock(owner)
    assert await found(owner, evidence) == []

    missed = []
    for _ in range(TRIES):
        attack, project_id = random.choice(ATTACKS), random.choice([each for each in heads if heads[each] > 1])
        position = random.randint(2, heads[project_id])
        async with owner.transaction(force_rollback=True):
            await owner.execute(attack.format(project_id, position).encode())
            accused = {each.project_id for each in await found(owner, evidence)}
        touched = attack is GONE or position <= signed[project_id]
        if accused != ({project_id} if touched else set()):
            missed.append((attack, project_id, position, accused))
    assert missed == []


async def test_a_database_put_back_to_an_older_copy_of_it_is_found(
    database: Database, database_url: str, evidence: Evidence, cluster: str
) -> None:
    project_id, other = await told(database), await told(database)
    await database.close()
    name = conninfo_to_dict(database_url)["dbname"]
    copy = f"{name}_copy"
    with psycopg.connect(cluster, autocommit=True) as server:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(copy), sql.Identifier(str(name)))
        server.execute(made)
    later = Database(database_url)
    await later.open()
    await write(later, writes(project_id, 4, said("an admission")))
    async with later.connection() as connection:
        checkpoint = await taken(connection, evidence)
    await later.close()

    async with await psycopg.AsyncConnection.connect(make_conninfo(cluster, dbname=copy), autocommit=True) as older:
        assert await verify.audit(older) == []
        findings = await found(older, evidence)
    assert findings == [verify.Finding(f"checkpoint {checkpoint}", project_id, "position 5 is gone")]
    assert other != project_id
    with psycopg.connect(cluster, autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(copy)))


async def test_what_was_purged_is_gone_with_a_receipt_and_another_receipt_will_not_do(
    database: Database, owner: Connection, evidence: Evidence
) -> None:
    project_id = await told(database)
    name = await taken(owner, evidence)
    await owner.execute("CALL purge(%s)", (project_id,))

    assert await found(owner, evidence) == []
    assert (await verify.audit_whole(owner)).purged == 1
    for trigger in ("immutable", "immutable_row"):
        await owner.execute(f"ALTER TABLE purged DISABLE TRIGGER {trigger}".encode())
    await owner.execute("UPDATE purged SET hash = sha256(hash)")
    assert await found(owner, evidence) == [verify.Finding(f"checkpoint {name}", project_id, "position 4 is gone")]


def cut_note(file: Path) -> None:
    replace(file, file.read_text()[:-30])


def unsigned(file: Path) -> None:
    replace(file, file.read_text().partition("\n\n")[0] + "\n")


def signed_by_another(file: Path) -> None:
    replace(file, PrivateKey("collabcampus/other", bytes(32)).sign(file.read_text().partition("\n\n")[0] + "\n"))


def edited(file: Path) -> None:
    replace(file, file.read_text().replace("\n1\n", "\n2\n"))


def cut_list(file: Path) -> None:
    listed = file.with_suffix(".leaves")
    replace(listed, listed.read_text()[:-1])


def emptied_list(file: Path) -> None:
    replace(file.with_suffix(".leaves"), "")


def no_list(file: Path) -> None:
    file.with_suffix(".leaves").unlink()


def renamed(file: Path) -> None:
    for suffix in (".leaves", ".checkpoint"):
        file.with_suffix(suffix).rename(file.with_name("20990101T000000.000Z" + suffix))


def no_text(file: Path) -> None:
    file.unlink()
    file.write_bytes(b"\xff\xfe")


def replace(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text)


@pytest.fixture
async def three(database: Database, owner: Connection, evidence: Evidence) -> list[str]:
    """The names of three checkpoints."""
    project_id = await told(database)
    names = [await taken(owner, evidence)]
    for position in (4, 5):
        await write(database, writes(project_id, position, said()))
        names.append(await taken(owner, evidence))
    return names


async def test_a_checkpoint_that_is_not_what_was_written_is_found(
    owner: Connection, evidence: Evidence, three: list[str]
) -> None:
    damages: list[Callable[[Path], None]] = [
        cut_note, unsigned, signed_by_another, edited, cut_list, emptied_list, no_list, renamed, no_text,
    ]  # fmt: skip
    assert await found(owner, evidence) == []
    for damage in damages:
        # The last, so that no later one tells of it.
        file = evidence.checkpoints / f"{three[2]}.checkpoint"
        kept = {each: each.read_bytes() for each in evidence.checkpoints.iterdir()}
        damage(file)
        assert [each.project_id for each in await found(owner, evidence)] == [NO_PROJECT], damage.__name__
        for each in evidence.checkpoints.iterdir():
            each.unlink()
        for each, content in kept.items():
            each.write_bytes(content)


async def test_every_checkpoint_tells_of_what_came_up_to_it(
    owner: Connection, evidence: Evidence, three: list[str]
) -> None:
    await unlock(owner)
    await owner.execute("DELETE FROM events WHERE position > 4")
    findings = await found(owner, evidence)

    assert [(each.check, each.what) for each in findings] == [
        (f"checkpoint {three[1]}", "position 5 is gone"),
        (f"checkpoint {three[2]}", "position 6 is gone"),
    ]


async def test_a_witness_may_sign_a_checkpoint_later(owner: Connection, evidence: Evidence, three: list[str]) -> None:
    file = evidence.checkpoints / f"{three[0]}.checkpoint"
    text = file.read_text().partition("\n\n")[0] + "\n"
    signature = PrivateKey("witness.example", bytes(32)).sign(text).removeprefix(text + "\n")
    replace(file, file.read_text() + signature)

    assert await found(owner, evidence) == []


async def test_one_taken_out_of_the_middle_is_missed_and_the_oldest_may_be_put_elsewhere(
    owner: Connection, evidence: Evidence, three: list[str]
) -> None:
    (evidence.checkpoints / f"{three[1]}.checkpoint").unlink()
    assert [each.check for each in await found(owner, evidence)] == [f"checkpoint {three[2]}"]

    (evidence.checkpoints / f"{three[0]}.checkpoint").unlink()
    assert await found(owner, evidence) == []

    (evidence.checkpoints / f"{three[2]}.checkpoint").unlink()
    assert [each.what for each in await found(owner, evidence)] == [f"there is none in {evidence.checkpoints}"]


async def unlock(owner: Connection) -> None:
    """What only the owner of the tables can do."""
    for table in ("events", *(f"events_{number}" for number in range(8))):
        await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
