"""`collabcampus audit` of an export, and `scripts/audit.py`, as people run them."""

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from collabcampus.log.checks import Audited
from collabcampus.log.database import Database
from collabcampus.log.export import export
from collabcampus.log.verified import audited_file
from log.exported import everything
from test_cli import run

SCRIPT = Path(__file__).parents[1] / "scripts" / "audit.py"

pytestmark = pytest.mark.anyio


async def test_an_export_is_audited_without_any_database(database: Database, tmp_path: Path) -> None:
    await everything(database, 2)
    file = tmp_path / "log"
    whole = await export(database.conninfo, file)

    assert audited_file(file) == Audited(whole.projects, whole.events, [])

    file.write_bytes(file.read_bytes().replace("zwölf".encode(), b"twelve", 1))
    broken = run("audit", "--export", file, "--json")
    told = json.loads(broken.stdout)
    assert (broken.returncode, told["holds"], "position" in told["findings"][0]["what"]) == (1, False, True)


async def test_the_example_says_what_holds_and_exits_so(database: Database) -> None:
    await everything(database, 2)

    def audited(url: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, SCRIPT, url], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout

    status, told = audited(database.conninfo)
    assert (status, told.startswith("2 projects, "), told.endswith(" 0 findings\n")) == (0, True, True)
    with psycopg.connect(database.conninfo) as owner:
        owner.execute("DELETE FROM directory WHERE project_id = (SELECT min(project_id::text)::uuid FROM heads)")
    status, told = audited(database.conninfo)
    assert (status, "directory: task" in told, told.endswith(" 1 findings\n")) == (1, True, True)
