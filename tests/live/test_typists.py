"""Who types is seen by the others on every node, seldom enough, and nothing of it is logged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from collabcampus.app import Application
from collabcampus.domain.project import Actor
from collabcampus.live.rooms import Room
from collabcampus.live.typists import PLACES_AT_ONCE, Typing, Typists
from collabcampus.settings import Settings
from collabcampus.sockets.frames import Frame, typing_frame
from live.asking import a_garden
from live.listening import Heard, Plain, typing
from strategies import PEOPLE, some_id

pytestmark = pytest.mark.anyio
ALICE, BOB = (Actor(each) for each in PEOPLE[:2])
TASK = some_id("task", 0)


@asynccontextmanager
async def two_nodes(database_url: str, bus_url: str | None = None) -> AsyncIterator[list[Application]]:
    """Two nodes on one database that hear each other, by this bus."""
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(Application(Settings(bus=bus_url), database_url).running())
            for _ in range(2)
        ]
        for each in nodes:
            await each.rooms_bus.listening.wait()
        yield nodes


async def entered(node: Application, project_id: str, person: Actor) -> Heard:
    """Somebody in a project's room on a node."""
    listener = Heard(person.user_id)
    async with node.projects.using(project_id) as live:
        live.room.enter(listener)
    return listener


def typed_in(listener: Heard) -> list[bytes]:
    """What it heard of people typing."""
    packets = [each.packets[0] for each in listener.heard if isinstance(each, Frame)]
    return [each for each in packets if each.startswith(b'42["typing"')]


async def until(listener: Heard, count: int) -> None:
    async with asyncio.timeout(10):
        while len(typed_in(listener)) < count:  # noqa: ASYNC110 - a listener has no event to wait for
            await asyncio.sleep(0.005)


async def test_who_types_is_seen_once_by_all_others_on_both_nodes(database_url: str, bus_url: str | None) -> None:
    async with two_nodes(database_url, bus_url) as (here, there):
        project_id = (await a_garden(here, ALICE, BOB)).project_id
        mine, mine_there = await entered(here, project_id, ALICE), await entered(there, project_id, ALICE)
        his, his_there = await entered(here, project_id, BOB), await entered(there, project_id, BOB)
        assert here.gateway.typed
        assert there.gateway.typed

        for _ in range(50):
            here.gateway.typed(Typing(project_id, ALICE.user_id))
        here.gateway.typed(Typing(project_id, ALICE.user_id, TASK))
        there.gateway.typed(Typing(project_id, BOB.user_id, TASK))

        await until(his_there, 2)
        await until(mine, 1)
        chat, task = (typing_frame(Typing(project_id, ALICE.user_id, each)).packets[0] for each in (None, TASK))
        assert typed_in(his) == typed_in(his_there) == [chat, task]
        assert (
            typed_in(mine) == typed_in(mine_there) == [typing_frame(Typing(project_id, BOB.user_id, TASK)).packets[0]]
        )
        for node in (here, there):
            assert (await node.projects.read(project_id)).head == 3


async def test_who_goes_on_typing_is_announced_again(application: Application) -> None:
    room: Room[object] = Room(some_id("project", 0), Plain())
    listener = Heard(BOB.user_id)
    room.enter(listener)
    typists = Typists(application.bus, lambda _: room, typing, again_after_s=0.05)
    said = Typing(room.project_id, ALICE.user_id)

    typists.typed(said)
    typists.typed(said)
    assert listener.heard == [("typing", ALICE.user_id, None)]
    await asyncio.sleep(0.06)
    typists.typed(said)
    typists.typed(said)

    assert listener.heard == 2 * [("typing", ALICE.user_id, None)]
    assert len(typists._lately) == 1, "and no more is kept than lately was said"


async def test_tasks_made_up_make_nobody_type_more(application: Application) -> None:
    room: Room[object] = Room(some_id("project", 0), Plain())
    listener = Heard(PEOPLE[2])
    room.enter(listener)
    typists = Typists(application.bus, lambda _: room, typing, again_after_s=0.05)

    for nth in range(100):
        typists.typed(Typing(room.project_id, ALICE.user_id, some_id("task", nth)))
    assert len(listener.heard) == PLACES_AT_ONCE
    typists.typed(Typing(room.project_id, BOB.user_id, TASK))
    assert listener.heard[-1] == ("typing", BOB.user_id, TASK)
    await asyncio.sleep(0.06)
    typists.typed(Typing(room.project_id, ALICE.user_id))

    assert listener.heard[-1] == ("typing", ALICE.user_id, None)
    assert dict(typists._places) == {(room.project_id, ALICE.user_id): 1}
