"""`collabcampus export` and `import`: from one server to another, beside them, and killed in the middle."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from collabcampus.app import fresh_id
from collabcampus.log.consume import Checkpoint, Stored
from collabcampus.log.database import Database
from log.exported import elsewhere, everything, held
from running import COLLABCAMPUS, Person, Server
from test_cli import run

WAITS_WITHIN_S = 30


@pytest.fixture
def other(cluster: str) -> Iterator[str]:
    """Another database."""
    with elsewhere(cluster) as conninfo:
        yield conninfo


def test_a_project_moves_from_one_running_server_to_another_with_its_people(
    server: Server, module_database_url: str, other: str, tmp_path: Path
) -> None:
    ann = Person(server.url, "Ann")
    project_id = ann.project()
    ann.task(project_id, "Dig")
    out = tmp_path / "garden.ndjson"
    told = run(
        "export", "--output", out, "--project", project_id, "--people", "--json",
        "--database-url", module_database_url,
    )  # fmt: skip
    assert (told.returncode, json.loads(told.stdout)["projects"]) == (0, 1), told.stderr

    with Server("--database-url", other) as second:
        imported = run("import", out, "--json", "--database-url", other)
        assert (imported.returncode, json.loads(imported.stdout)["projects"]) == (0, 1), imported.stderr
        token = run("token", "add", ann.email, "--name", "test", "--scope", "write", "--database-url", other)
        http = httpx.Client(base_url=second.url, headers={"Authorization": f"Bearer {token.stdout.strip()}"})
        path = f"/api/projects/{project_id}"
        for read in ("/board", "/events", "/activity"):
            assert http.get(path + read).json() == ann.http.get(path + read).json()
        denied = http.post("/login", json={"email": ann.email, "pwd": ""})
        assert denied.status_code in {400, 401}
        made = http.post(f"{path}/tasks", json={"title": "Sow"})
        assert made.status_code == 201, made.text

    assert run("audit", "--database-url", other).stdout == "it holds\n"
    again = run("import", out, "--database-url", other)
    assert (again.returncode, "1 were there" in again.stdout) == (0, True)


def test_what_cannot_be_is_said_in_words_with_its_code(module_database_url: str, other: str, tmp_path: Path) -> None:
    out = tmp_path / "log"
    assert run("demo", "--database-url", module_database_url).returncode == 0
    assert run("export", "--output", out, "--database-url", module_database_url).returncode == 0
    again = run("export", "--output", out, "--database-url", module_database_url)
    assert (again.returncode, "is there already" in " ".join(again.stderr.split())) == (1, True)
    assert run("export", "--output", out, "--format", "parquet", "--people", "--database-url", other).returncode == 2

    out.write_bytes(out.read_bytes()[:-20])
    cut = run("import", out, "--database-url", other)
    assert (cut.returncode, "(damaged)" in cut.stderr) == (1, True)
    assert "Traceback" not in cut.stderr
    assert run("import", tmp_path / "nothing", "--database-url", other).returncode == 1


@pytest.mark.anyio
async def test_consumers_are_listed(database: Database) -> None:
    await Stored(database, "statistics").save(Checkpoint(1, fresh_id(), 1))

    assert "statistics  behind 0, held back 0" in run("consumers", "--database-url", database.conninfo).stdout


@pytest.mark.anyio
async def test_an_import_that_was_killed_took_whole_projects_in_and_goes_on(
    database: Database, other: str, tmp_path: Path
) -> None:
    made = await everything(database, 4)
    out = tmp_path / "log"
    assert run("export", "--output", out, "--database-url", database.conninfo).returncode == 0
    with psycopg.connect(other) as holder:  # it holds the third project, so that the import waits there
        holder.execute("INSERT INTO heads VALUES (%s, 0, genesis())", (made[2],))
        command = (COLLABCAMPUS, "import", out, "--database-url", other)
        killed = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with psycopg.connect(other, autocommit=True) as watcher:
            for _ in range(WAITS_WITHIN_S * 20):
                waiting = watcher.execute(
                    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
                if waiting.fetchone():
                    break
                await asyncio.sleep(0.05)
        killed.kill()
        await killed.wait()
        holder.rollback()

    with psycopg.connect(other) as owner:
        taken = owner.execute("SELECT project_id::text FROM heads WHERE position > 0 ORDER BY 1").fetchall()
    assert taken == [(each,) for each in made[:2]]
    assert run("audit", "--database-url", other).stdout == "it holds\n"

    gone_on = run("import", out, "--json", "--database-url", other)
    counts = json.loads(gone_on.stdout)
    assert (counts["projects"], counts["knownProjects"]) == (2, 2)
    assert held(other) == held(database.conninfo)
