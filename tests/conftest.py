"""Real PostgreSQL, real servers: one embedded server a test process, a fresh database a test."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

import mailed
from collabcampus.app import Application
from collabcampus.embedded import Cluster
from collabcampus.log.database import Database
from collabcampus.log.migrate import migrate
from collabcampus.settings import Settings
from nats_server import MISSING, NATS_SERVER, NatsServer
from running import Server

TEMPLATE = "template_campus"


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The conninfo of a server of this test process's own, with a migrated template database."""
    folder = tmp_path_factory.mktemp("cluster")
    with Cluster(folder) as running:
        with psycopg.connect(running.conninfo, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        asyncio.run(migrate(make_conninfo(running.conninfo, dbname=TEMPLATE)))
        yield running.conninfo
    remove_cluster(folder)


def remove_cluster(folder: Path) -> None:
    """Remove a stopped cluster, wherever it was placed."""
    shutil.rmtree((folder / "postgres").resolve(), ignore_errors=True)


@pytest.fixture
def database_url(cluster: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh migrated database."""
    yield from _fresh(cluster, request)


@pytest.fixture(scope="module")
def module_database_url(cluster: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh migrated database for a whole file."""
    yield from _fresh(cluster, request)


def _fresh(cluster: str, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"t{abs(hash(request.node.nodeid)):x}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        identifier = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(identifier, sql.Identifier(TEMPLATE)))
        yield make_conninfo(cluster, dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


@pytest.fixture
async def database(database_url: str, anyio_backend: object) -> AsyncIterator[Database]:
    """A pool on a fresh database, working as the app does."""
    opened = Database(database_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def application(database_url: str, anyio_backend: object) -> AsyncIterator[Application]:
    """The whole application on a fresh database, without its web server."""
    async with Application(Settings(mail=mailed.URL), database_url).running() as running:
        yield running


@pytest.fixture(scope="module")
def server(module_database_url: str) -> Iterator[Server]:
    """`collabcampus serve` as a process of its own, for a whole file."""
    with Server("--database-url", module_database_url) as running:
        yield running


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A NATS server that nobody stops."""
    if NATS_SERVER is None:
        pytest.skip(MISSING)
    with NatsServer(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture(params=["postgresql", "nats"])
def bus_url(request: pytest.FixtureRequest) -> str | None:
    """What rooms talk by, as the setting has it: each bus in turn, and nobody else on it."""
    if request.param == "postgresql":
        return None
    server: NatsServer = request.getfixturevalue("nats")
    return f"{server.url}/{uuid.uuid4().hex}"
