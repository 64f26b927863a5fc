"""Heads over whichever bus: what one node commits the rooms of all others hear, in order and once."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.project import Actor
from collabcampus.live.hints import Hints
from collabcampus.log.follow import HEADS as NOTIFIED
from collabcampus.settings import Settings
from collabcampus.sockets.frames import Frame
from live.asking import a_garden
from live.listening import Heard
from live.test_bus import Slow
from live.test_typists import entered, two_nodes
from nats_server import NatsServer
from strategies import PEOPLE

pytestmark = pytest.mark.anyio
ALICE, BOB = (Actor(each) for each in PEOPLE[:2])
LINES = 20
WITHIN_S, NO_TICK_S = 10, 60


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - a room has no event to wait for
            await asyncio.sleep(0.005)


def positions_in(listener: Heard) -> list[int]:
    """Of the messages it heard."""
    packets = [each for frame in listener.heard if isinstance(frame, Frame) for each in frame.packets]
    told = [json.loads(each[2:]) for each in packets]
    return [payload["position"] for name, payload in told if name == "new_message"]


async def talk(node: Application, person: Actor, project_id: str) -> None:
    for number in range(LINES):
        await node.projects.submit(c.SendMessage(f"line {number}"), person, project_id)


@asynccontextmanager
async def without_ticks(database_url: str, bus_url: str | None) -> AsyncIterator[Application]:
    """A node whose ticks heal nothing for as long as a test runs."""
    node = Application(Settings(bus=bus_url), database_url)
    for bus in (node.bus, node.rooms_bus):
        bus._pulse._interval_s = NO_TICK_S  # type: ignore[attr-defined]
    async with node.running():
        await node.rooms_bus.listening.wait()
        yield node


async def test_what_two_nodes_write_at_once_both_hear_once_and_in_one_order(
    database_url: str, bus_url: str | None
) -> None:
    async with without_ticks(database_url, bus_url) as here, without_ticks(database_url, bus_url) as there:
        project_id = (await a_garden(here, ALICE, BOB)).project_id
        mine, his = await entered(here, project_id, ALICE), await entered(there, project_id, BOB)
        head = (await here.projects.read(project_id)).head
        await asyncio.gather(talk(here, ALICE, project_id), talk(there, BOB, project_id))
        every = list(range(head + 1, head + 2 * LINES + 1))
        await until(lambda: len(positions_in(mine)) >= 2 * LINES <= len(positions_in(his)))

        assert (positions_in(mine), positions_in(his)) == (every, every)


async def test_the_append_notifies_where_nobody_else_tells_and_nowhere_else(
    database_url: str, bus_url: str | None
) -> None:
    async with (
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as listening,
        without_ticks(database_url, bus_url) as node,
    ):
        await listening.execute(f"LISTEN {NOTIFIED}".encode())
        project_id = (await a_garden(node, ALICE)).project_id
        await listening.execute("NOTIFY collabcampus_heads, 'the last'")

        notified = []
        async for each in listening.notifies(timeout=WITHIN_S):
            if each.payload == "the last":
                break
            notified.append(each.payload.partition(":")[0])
        assert notified == ([] if bus_url else [project_id])


async def test_what_is_committed_while_a_subscription_is_on_its_way_is_looked_for(
    database_url: str, nats: NatsServer
) -> None:
    async with (
        without_ticks(database_url, f"{nats.url}/late") as here,
        without_ticks(database_url, f"{nats.url}/late") as there,
    ):
        project_id = (await a_garden(here, ALICE, BOB)).project_id
        his = await entered(there, project_id, BOB)
        await until(lambda: project_id in there.rooms_bus._subscriptions)  # type: ignore[attr-defined]
        there.rooms_bus.let_go(project_id)
        await until(lambda: project_id not in there.rooms_bus._subscriptions)  # type: ignore[attr-defined]
        await talk(here, ALICE, project_id)
        await asyncio.sleep(0.2)
        assert positions_in(his) == []

        there.rooms_bus.care(project_id)
        await until(lambda: len(positions_in(his)) == LINES)


async def test_a_node_hears_of_the_projects_it_has_in_memory_alone(database_url: str, nats: NatsServer) -> None:
    async with two_nodes(database_url, f"{nats.url}/memory") as (here, there):
        gardens = [(await a_garden(here, ALICE)).project_id for _ in range(3)]
        await there.projects.read(gardens[0])

        async def in_memory(node: Application) -> set[str]:
            await until(lambda: node.rooms_bus._subscriptions.keys() == node.projects._live.keys())  # type: ignore[attr-defined]
            return set(node.projects._live)

        assert (await in_memory(here), await in_memory(there)) == (set(gardens), {gardens[0]})
        here.projects._capacity = 1
        await here.projects.heal()
        assert await in_memory(here) == {gardens[-1]}


async def test_of_many_heads_only_a_projects_last_is_told_and_nobody_waits() -> None:
    bus = Slow()
    hints = Hints(bus)
    hints.moved("garden", 1)
    await asyncio.sleep(0)
    for position in range(2, 1_000):
        hints.moved("garden", position)
        hints.moved("shed", position)
    bus.open.set()
    assert hints._telling
    await hints._telling

    assert bus.carried == ["garden:1", "garden:999", "shed:999"]
