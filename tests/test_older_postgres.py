"""The same on the oldest PostgreSQL that is supported, as a server of one's own."""

import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from collabcampus.embedded import Cluster, find_binaries
from collabcampus.embedded.binaries import DEBIAN
from collabcampus.log.database import OLDEST_SERVER
from conftest import remove_cluster
from running import Person, Server
from test_seven_steps import JS, needs_node

BINARIES = DEBIAN / str(OLDEST_SERVER) / "bin"

pytestmark = pytest.mark.skipif(not BINARIES.is_dir(), reason=f"PostgreSQL {OLDEST_SERVER} is not installed here")


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database on PostgreSQL 15, and somebody without superuser's rights who owns it."""
    folder = tmp_path_factory.mktemp("older")
    with Cluster(folder, find_binaries(BINARIES)) as cluster:
        with psycopg.connect(cluster.conninfo, autocommit=True) as connection:
            assert connection.info.server_version // 10_000 == OLDEST_SERVER
            connection.execute("CREATE ROLE campus LOGIN CREATEROLE")
            connection.execute("CREATE DATABASE campus OWNER campus")
        yield make_conninfo(cluster.conninfo, user="campus", dbname="campus")
    remove_cluster(folder)


def test_a_project_is_served_by_an_owner_who_is_no_superuser(own_server: str) -> None:
    with Server("--database-url", own_server) as server:
        person = Person(server.url, "Alice")
        project_id = person.project()
        task_id = person.task(project_id)
        moved = person.http.put(f"/api/tasks/{task_id}", json={"status": "done"})
        assert moved.json()["status"] == "done"

    with psycopg.connect(own_server) as owner, pytest.raises(psycopg.DatabaseError, match="immutable"):
        owner.execute("DELETE FROM events")


@needs_node
def test_the_seven_steps_work_there_too(own_server: str) -> None:
    with Server(DATABASE_URL=own_server) as server:
        command = ["node", str(JS / "seven_steps.mjs"), server.url, "websocket"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
