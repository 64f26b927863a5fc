"""Where checkpoints go, and who takes them."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from collabcampus.app import fresh_id
from collabcampus.evidence.taking import LOCK, Evidence, evidence_of, keeping, take
from collabcampus.log.database import Database
from collabcampus.settings import load
from log.writing import begun, said, write, writes

NOW = "2026-11-27T15:00:00.000Z"
WAITS_WITHIN_S = 30


def test_a_folder_is_one_databases_and_so_named_for_one_of_yours() -> None:
    own = evidence_of(load({"COLLABCAMPUS_DATA": "/srv/boards"}))
    named = {"DATABASE_URL": "host=db", "COLLABCAMPUS_CHECKPOINTS": "/evidence", "COLLABCAMPUS_EVIDENCE_KEY": "/key"}

    assert own == Evidence(Path("/srv/boards/checkpoints"), Path("/srv/boards/evidence.key"))
    assert evidence_of(load({"DATABASE_URL": "host=db"})) is None
    assert evidence_of(load(named)) == Evidence(Path("/evidence"), Path("/key"))


@pytest.mark.anyio
async def test_a_checkpoint_has_each_projects_head_and_waits_its_turn(database: Database, tmp_path: Path) -> None:
    evidence = Evidence(tmp_path, tmp_path / "key")
    first, second = sorted((fresh_id(), fresh_id()))
    await write(database, begun(first))
    await write(database, begun(second))
    await write(database, writes(second, 1, said()))
    async with database.connection() as other, database.connection() as connection:
        async with other.transaction():
            await other.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            waiting = asyncio.create_task(take(connection, evidence, NOW))
            await asyncio.sleep(0.05)
            assert not waiting.done()
        name = await waiting

    assert name
    assert [(each.project_id, each.position) for each in evidence.folder.leaves(name)] == [(first, 1), (second, 2)]


@pytest.mark.anyio
async def test_a_log_that_is_not_what_was_signed_last_is_told_of_at_once(database: Database, tmp_path: Path) -> None:
    evidence, project_id = Evidence(tmp_path, tmp_path / "key"), fresh_id()
    await write(database, begun(project_id))
    async with await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True) as owner:
        await take(owner, evidence, NOW)
        for table in ("events", *(f"events_{number}" for number in range(8))):
            await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        with capture_logs() as before:
            await write(database, writes(project_id, 1, said()))
            await take(owner, evidence, NOW)
        await owner.execute("DELETE FROM events WHERE position = 2")
        await owner.execute("UPDATE heads SET (position, hash) = (SELECT position, hash FROM events)")
        with capture_logs() as after:
            await take(owner, evidence, NOW)

    assert before == []
    assert [(each["event"], each["some"]) for each in after] == [("log_is_not_what_was_signed", [project_id])]


@pytest.mark.anyio
async def test_nodes_of_one_folder_take_one_when_it_is_due_and_in_no_settings_none(
    database: Database, tmp_path: Path
) -> None:
    taken = tmp_path / "checkpoints"
    settings = load({"COLLABCAMPUS_CHECKPOINTS": str(taken), "COLLABCAMPUS_DATA": str(tmp_path)}, checkpoint_each=60)
    await write(database, begun(fresh_id()))
    async with keeping(database, load({}, checkpoints=taken, checkpoint_each=0), lambda: NOW):
        await asyncio.sleep(0)
    async with keeping(database, settings, lambda: NOW), keeping(database, settings, lambda: NOW):
        await until(taken, 1)
        await write(database, begun(fresh_id()))
    async with keeping(database, settings, lambda: "2026-11-27T15:00:59.999Z"):
        await asyncio.sleep(0.1)
        assert len(list(taken.glob("*.checkpoint"))) == 1
    async with keeping(database, settings, lambda: "2026-11-27T15:01:00.000Z"):
        await until(taken, 2)


async def until(folder: Path, checkpoints: int) -> None:
    async with asyncio.timeout(WAITS_WITHIN_S):
        while len(list(folder.glob("*.checkpoint"))) < checkpoints:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
