"""A purged project leaves a receipt and nothing else, for good."""

import json
from pathlib import Path

import psycopg
import pytest

from collabcampus.app import Application, fresh_id
from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain.project import Actor
from collabcampus.log import importing, purging, snapshots, verify
from collabcampus.log.database import Connection
from collabcampus.log.export import export
from live.listening import Heard
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

ANN = Actor(PEOPLE[0])
COLUMNS = """
    SELECT c.table_name FROM information_schema.columns AS c
    JOIN information_schema.tables AS t USING (table_schema, table_name)
    WHERE t.table_type = 'BASE TABLE' AND t.table_schema = 'public' AND c.column_name = 'project_id'
"""


def holding(conninfo: str, project_id: str) -> set[str]:
    """The tables with rows of a project."""
    with psycopg.connect(conninfo) as connection:
        return {
            name
            for (name,) in connection.execute(COLUMNS).fetchall()
            if connection.execute(f"SELECT true FROM {name} WHERE project_id = %s".encode(), (project_id,)).fetchone()
        }


async def test_nothing_but_the_receipt_is_left_on_disk_in_memory_and_in_rooms(
    application: Application, tmp_path: Path
) -> None:
    conninfo, projects = application.database.conninfo, application.projects
    command_id, receipt = fresh_id(), tmp_path / "receipt.json"
    made = await projects.submit(c.CreateProject("Garden"), ANN, command_id=command_id)
    other = await projects.submit(c.CreateProject("Park"), ANN)
    project_id = made.subject.project_id
    task_id = (await projects.submit(c.CreateTask("Dig"), ANN, project_id)).events[0].event.key
    with pytest.raises(purging.NotPurged, match="archive it first"):
        await purging.purge(conninfo, project_id, receipt)
    assert not receipt.exists()
    await projects.submit(c.ArchiveProject(), ANN, project_id)
    await export(conninfo, tmp_path / "log", [project_id])

    async with projects.using(project_id) as live:
        live.room.enter(listener := Heard(ANN.user_id))  # type: ignore[arg-type]
        done = await purging.purge(conninfo, project_id, receipt)
        await projects.heal()
        while live.state.head:
            await application.database.fetch("SELECT 1")

    await snapshots.store(application.database, project_id, 4, b"what a node still had in its memory")
    with psycopg.connect(conninfo) as connection:
        written = connection.execute("SELECT encode(hash, 'hex'), position FROM purged").fetchall()
    assert written == [(done.hash, 4)]
    told = json.loads(receipt.read_text())
    assert (told["projectId"], told["position"], told["events"], told["hash"]) == (project_id, 4, 4, done.hash)
    assert holding(conninfo, project_id) == {"purged", "directory"}
    assert ("left", "removed") in listener.heard
    for refused in (
        projects.read(project_id),
        projects.submit(c.RestoreProject(), ANN, project_id),
        projects.submit(c.CreateProject("Garden"), ANN, command_id=command_id),
        projects.submit(c.EditTask(task_id, title="Sow"), ANN),
    ):
        with pytest.raises((errors.ProjectNotFound, errors.TaskNotFound)):
            await refused
    with pytest.raises(importing.Purged, match="purged here"):
        await importing.import_file(conninfo, tmp_path / "log")
    await projects.submit(c.ArchiveProject(), ANN, other.subject.project_id)
    with pytest.raises(purging.NotPurged, match="there already"):
        await purging.purge(conninfo, other.subject.project_id, receipt)
    assert json.loads(receipt.read_text()) == told
    assert (await projects.read(other.subject.project_id)).archived


async def test_the_audit_accepts_what_has_a_receipt_and_finds_what_came_back(
    application: Application, tmp_path: Path
) -> None:
    conninfo, projects = application.database.conninfo, application.projects
    project_id = (await projects.submit(c.CreateProject("Garden"), ANN)).subject.project_id
    await projects.submit(c.ArchiveProject(), ANN, project_id)
    await purging.purge(conninfo, project_id, tmp_path / "receipt.json")

    connection: Connection
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        assert await verify.audit(connection) == []
        for change in ("DELETE FROM purged", "INSERT INTO heads SELECT project_id, position, hash FROM purged"):
            with pytest.raises(psycopg.Error) as raised:
                await connection.execute(change.encode())
            assert raised.value.sqlstate in {"CC001", "CC002"}
        await connection.execute("ALTER TABLE heads DISABLE TRIGGER spent")
        await connection.execute("INSERT INTO heads SELECT project_id, position, hash FROM purged")
        assert sorted({each.check for each in await verify.audit(connection)}) == [
            "commands",
            "positions",
            "purged",
        ]
