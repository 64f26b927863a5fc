"""The bus by LISTEN and NOTIFY: whatever is lost on the way heals."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.project import Actor
from collabcampus.log.database import Database
from collabcampus.log.follow import HEADS, PostgresBus
from collabcampus.settings import Settings
from live.test_rooms import Heard
from strategies import PEOPLE

pytestmark = pytest.mark.anyio
CHANNEL = "collabcampus_test"
WITHIN_S = 12


class Node:
    """A bus that runs, what it heard, and how often it ticked."""

    def __init__(self, database: Database, interval_s: float) -> None:
        self.heard: list[str] = []
        self.ticks = 0
        self.bus = PostgresBus(database, self._tick, interval_s=interval_s)
        self.bus.subscribe(CHANNEL, self.heard.append)

    async def _tick(self) -> None:
        self.ticks += 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Node"]:
        task = asyncio.create_task(self.bus.run())
        await asyncio.wait_for(self.bus.listening.wait(), WITHIN_S)
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait_for(task, WITHIN_S)


class Proxy:
    """Between a client and PostgreSQL: it can swallow notifications, or fall silent on a connection for good."""

    def __init__(self, folder: Path, conninfo: str) -> None:
        server = conninfo_to_dict(conninfo)
        self._to = f"{server['host']}/.s.PGSQL.{server['port']}"
        self._at = folder / f".s.PGSQL.{server['port']}"
        self.conninfo = make_conninfo(conninfo, host=str(folder))
        self.swallowing = self.silent = False
        self.connections = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        server = await asyncio.start_unix_server(self._serve, str(self._at))
        yield self
        server.close()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.connections += 1
        answers, to_server = await asyncio.open_unix_connection(self._to)
        back = asyncio.create_task(self._back(answers, to_client))
        while data := await client.read(65_536):
            to_server.write(data)
        back.cancel()
        to_server.close()
        to_client.close()

    async def _back(self, answers: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                head = await answers.readexactly(5)
                body = await answers.readexactly(struct.unpack("!I", head[1:])[0] - 4)
                if not (self.silent or (self.swallowing and head[:1] == b"A")):
                    to_client.write(head + body)
        to_client.close()


@pytest.fixture
async def proxy(database_url: str, tmp_path: Path, anyio_backend: object) -> AsyncIterator[Proxy]:
    async with Proxy(tmp_path, database_url).running() as running:
        yield running


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - what is waited for offers no event
            await asyncio.sleep(0.01)


async def test_what_one_publishes_all_hear_in_order(database: Database) -> None:
    async with Node(database, 5).running() as here, Node(database, 5).running() as there:
        said = [f"{number}" for number in range(200)]
        for each in said:
            await here.bus.publish(CHANNEL, each)
        await eventually(lambda: len(here.heard) == len(there.heard) == 200)

        assert (here.heard, there.heard) == (said, said)


async def test_a_hint_that_comes_while_the_tick_asks_is_heard(database: Database) -> None:
    async with Node(database, 0.02).running() as node:
        said = 0
        while node.ticks <= 10:
            await node.bus.publish(CHANNEL, str(said))
            said += 1
        await eventually(lambda: len(node.heard) == said)


async def test_one_that_fails_costs_the_others_nothing(database: Database) -> None:
    node = Node(database, 5)
    node.bus.subscribe("collabcampus_bad", lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    async with node.running():
        await node.bus.publish("collabcampus_bad", "")
        await node.bus.publish(CHANNEL, "heard")
        await eventually(lambda: node.heard == ["heard"])


async def test_a_lost_notification_heals_on_the_tick(application: Application, database_url: str) -> None:
    deaf = Application(Settings(), database_url)
    deaf.bus.subscribe(HEADS, lambda _: None)
    tick, ticked = deaf.bus.tick, asyncio.Event()

    async def noted() -> None:
        await tick()
        ticked.set()

    deaf.bus.tick = noted
    async with deaf.running():
        await ticked.wait()  # the first comes at once, and heals as well
        created = await application.projects.submit(c.CreateProject("Garden"), Actor(PEOPLE[0]))
        project_id, listener = created.subject.project_id, Heard(PEOPLE[0])
        async with deaf.projects.using(project_id) as live:
            live.room.enter(listener)  # type: ignore[arg-type]
        for text in ("one", "two"):
            await application.projects.submit(c.SendMessage(text), Actor(PEOPLE[0]), project_id)
        await asyncio.sleep(0.2)
        assert not listener.heard

        await eventually(lambda: sum(len(frame.packets) for frame in listener.heard) == 2)


async def test_the_listening_connection_alone_is_ended_and_it_heals(database: Database, database_url: str) -> None:
    async with Node(database, 60).running() as node:
        await eventually(lambda: node.ticks == 1)
        with psycopg.connect(database_url, autocommit=True) as owner:
            ended = owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
            )
            assert ended.rowcount == 1
        async with asyncio.timeout(3):
            await eventually(lambda: node.ticks == 2 and node.bus.listening.is_set())
        await node.bus.publish(CHANNEL, "again")
        await eventually(lambda: node.heard == ["again"])


async def test_who_does_not_hear_its_own_heartbeat_listens_anew(proxy: Proxy) -> None:
    through = Database(proxy.conninfo)
    await through.open()
    async with Node(through, 0.1).running() as node:
        await asyncio.sleep(1)
        assert node.bus.listening.is_set(), "it hears its own heartbeat"

        proxy.swallowing = True
        await eventually(lambda: not node.bus.listening.is_set())
        await asyncio.sleep(1)  # it connects meanwhile, and believes nothing before it hears itself
        assert not node.bus.listening.is_set()
        proxy.swallowing = False
        await eventually(node.bus.listening.is_set)
        await node.bus.publish(CHANNEL, "again")
        await eventually(lambda: node.heard == ["again"])
    await through.close()


async def test_a_half_open_connection_is_noticed_and_made_again(proxy: Proxy, database: Database) -> None:
    node = Node(Database(proxy.conninfo), 0.2)
    node.bus._database = database  # the pool is well, only the listening connection is not
    node.bus._database.conninfo = proxy.conninfo
    async with node.running():
        proxy.silent = True
        await eventually(lambda: not node.bus.listening.is_set())
        proxy.silent = False
        await eventually(node.bus.listening.is_set)
        await node.bus.publish(CHANNEL, "again")
        await eventually(lambda: node.heard == ["again"])


async def test_where_there_is_no_listening_the_tick_goes_on(database: Database, database_url: str) -> None:
    node = Node(database, 0.05)
    node.bus._database.conninfo = make_conninfo(database_url, host="/nowhere")  # the pool is well
    task = asyncio.create_task(node.bus.run())
    await eventually(lambda: node.ticks > 3)
    assert not node.bus.listening.is_set()
    task.cancel()
