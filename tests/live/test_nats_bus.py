"""The bus over NATS: a node hears of the projects it cares for, and heals whatever breaks."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collabcampus.app import _ended
from collabcampus.domain.errors import Busy
from collabcampus.live.nats_bus import NatsBus
from nats_server import MISSING, NATS_SERVER, NatsServer, Proxy

pytestmark = pytest.mark.anyio
CHANNEL = "said"
GARDEN, SHED = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"
WITHIN_S = 12


class Node:
    """A bus that runs, what it heard, how often it ticked, and which projects it began to hear of."""

    def __init__(self, url: str, interval_s: float = 0.05) -> None:
        self.heard: list[str] = []
        self.arriving: list[str] = []
        self.ticks = 0
        self.bus = NatsBus(url, self._tick, self._arrive, interval_s=interval_s)
        self.bus.subscribe(CHANNEL, self.heard.append)

    async def _tick(self) -> None:
        self.ticks += 1

    async def _arrive(self, project_ids: list[str]) -> None:
        self.arriving += project_ids

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Node"]:
        task = asyncio.create_task(self.bus.run())
        await asyncio.wait_for(self.bus.listening.wait(), WITHIN_S)
        try:
            yield self
        finally:
            await _ended(task)


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - what is waited for offers no event
            await asyncio.sleep(0.005)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[NatsServer]:
    """A NATS server that a test may kill."""
    if NATS_SERVER is None:
        pytest.skip(MISSING)
    with NatsServer(tmp_path) as running:
        yield running


@pytest.fixture
async def proxy(nats: NatsServer, anyio_backend: object) -> AsyncIterator[Proxy]:
    async with Proxy(nats).running() as running:
        yield running


def own(server: NatsServer) -> str:
    """Where nobody else is."""
    return f"{server.url}/{uuid.uuid4().hex}"


async def test_what_one_publishes_all_hear_in_order(nats: NatsServer) -> None:
    url = own(nats)
    async with Node(url).running() as here, Node(url).running() as there, Node(own(nats)).running() as elsewhere:
        said = [f"{number}" for number in range(200)]
        for each in said:
            await here.bus.publish(CHANNEL, each)
        await eventually(lambda: len(here.heard) == len(there.heard) == 200)

        assert (here.heard, there.heard, elsewhere.heard) == (said, said, [])


async def test_of_projects_a_node_hears_only_those_it_cares_for(nats: NatsServer) -> None:
    url = own(nats)
    async with Node(url).running() as here, Node(url).running() as there:
        here.bus.care(GARDEN)
        there.bus.care(GARDEN)
        there.bus.care(SHED)
        await eventually(lambda: here.arriving == [GARDEN] and sorted(there.arriving) == [GARDEN, SHED])
        for project_id in (GARDEN, SHED):
            await here.bus.publish(CHANNEL, project_id, project_id)
        await here.bus.publish(CHANNEL, "all")
        await eventually(lambda: sorted(there.heard) == [GARDEN, SHED, "all"])
        await eventually(lambda: sorted(here.heard) == [GARDEN, "all"])

        there.bus.let_go(GARDEN)
        await eventually(lambda: GARDEN not in there.bus._subscriptions)
        await here.bus.publish(CHANNEL, "again", GARDEN)
        await here.bus.publish(CHANNEL, "last", SHED)
        await eventually(lambda: there.heard[-1] == "last" and here.heard[-1] == "again")
        assert "again" not in there.heard


async def test_one_that_fails_costs_the_others_nothing(nats: NatsServer) -> None:
    node = Node(own(nats))
    node.bus.subscribe("bad", lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    async with node.running():
        await node.bus.publish("bad", "")
        await node.bus.publish(CHANNEL, "heard")
        await eventually(lambda: node.heard == ["heard"])


async def test_while_the_server_is_gone_it_ticks_and_tells_nobody_and_then_hears_again(mortal: NatsServer) -> None:
    async with Node(mortal.url).running() as node:
        node.bus.care(GARDEN)
        await eventually(lambda: node.arriving == [GARDEN])
        mortal.kill()
        await eventually(lambda: not node.bus.listening.is_set())
        before = node.ticks
        await eventually(lambda: node.ticks > before + 2)
        with pytest.raises(Busy):
            await node.bus.publish(CHANNEL, "nobody hears it", GARDEN)

        mortal.start()
        await eventually(lambda: node.bus.listening.is_set() and node.arriving == [GARDEN, GARDEN])
        await node.bus.publish(CHANNEL, "again", GARDEN)
        await eventually(lambda: node.heard == ["again"])


async def test_who_does_not_hear_its_own_heartbeat_connects_anew(proxy: Proxy) -> None:
    async with Node(proxy.url).running() as node:
        await asyncio.sleep(0.3)
        assert node.bus.listening.is_set(), "it hears its own heartbeat"

        proxy.swallowing = True
        await eventually(lambda: not node.bus.listening.is_set())
        await asyncio.sleep(1)  # it connects meanwhile, and believes nothing before it hears itself
        assert not node.bus.listening.is_set()
        proxy.swallowing = False
        await eventually(node.bus.listening.is_set)


async def test_a_half_open_connection_is_noticed_and_made_again(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collabcampus.live.nats_bus.ANSWER_WITHIN_S", 0.5)
    async with Node(proxy.url).running() as node:
        proxy.silent = True
        await eventually(lambda: not node.bus.listening.is_set())
        proxy.silent = False
        await eventually(node.bus.listening.is_set)
