"""The recipes of docs/backup.md, as they stand there: from one PostgreSQL server into another."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from collabcampus.embedded import Cluster, find_binaries
from collabcampus.log.database import Database
from conftest import remove_cluster
from log.exported import everything, held
from running import COLLABCAMPUS
from test_documents import blocks

DUMP, RESTORE, OUT_AND_IN = blocks("docs/backup.md", "sh")
(FOLLOW,) = blocks("docs/backup.md", "python")
PATH = os.pathsep.join([str(find_binaries().bin), str(COLLABCAMPUS.parent), os.environ["PATH"]])

needs_tools = pytest.mark.skipif(
    not all(shutil.which(each, path=PATH) for each in ("pg_dump", "pg_restore", "psql")),
    reason="PostgreSQL's own tools are not installed here",
)
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def another_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own: without our role, and with other transactions."""
    folder = tmp_path_factory.mktemp("another")
    with Cluster(folder) as running:
        yield running.conninfo
    remove_cluster(folder)


@pytest.fixture
def restored(another_server: str) -> str:
    """An empty database there."""
    name = f"r{os.urandom(8).hex()}"
    with psycopg.connect(another_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return make_conninfo(another_server, dbname=name)


def run(script: str, folder: Path, *command: str, **environ: str) -> str:
    done = subprocess.run(
        [*(command or ("bash", "-euc")), script],
        capture_output=True, text=True, timeout=100, cwd=folder, env={**os.environ, "PATH": PATH, **environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_tools
async def test_a_restored_dump_is_what_was_dumped_and_its_feed_is_whole(
    database: Database, restored: str, tmp_path: Path
) -> None:
    await everything(database, 2)
    with psycopg.connect(database.conninfo, autocommit=True) as owner:
        owner.execute("UPDATE commands SET xid = '99999999'")  # what an older server has come to

    run(DUMP, tmp_path, DATABASE_URL=database.conninfo)
    told = run(RESTORE, tmp_path, RESTORED_URL=restored)

    assert told == "it holds\n"
    assert held(restored) == held(database.conninfo)
    events = len(held(restored)["events"])
    fed = run(FOLLOW, tmp_path, sys.executable, "-c", DATABASE_URL=restored).splitlines()
    assert (len(fed), fed[-1]) == (events + 1, "behind: 0")


async def test_an_export_restores_all_projects_on_another_server(
    database: Database, restored: str, tmp_path: Path
) -> None:
    await everything(database, 2)

    told = run(OUT_AND_IN, tmp_path, DATABASE_URL=database.conninfo, RESTORED_URL=restored)

    assert told.splitlines()[-1] == "it holds"
    assert held(restored) == held(database.conninfo)
