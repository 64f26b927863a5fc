"""Who is there on another node is known, and known again after the hint that said so was lost."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.project import Actor
from collabcampus.live import presence
from collabcampus.live.rooms import Room
from collabcampus.settings import Settings
from collabcampus.sockets.frames import Frame
from live.asking import a_garden
from live.listening import Heard
from live.test_typists import entered, two_nodes
from strategies import PEOPLE, some_id

pytestmark = pytest.mark.anyio
ALICE, BOB = Actor(PEOPLE[0]), PEOPLE[1]
CROWD = sorted(some_id("user", nth) for nth in range(100, 100 + 2 * presence.PEOPLE_A_HINT + 3))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a room has no event to wait for
            await asyncio.sleep(0.005)


@asynccontextmanager
async def nodes(database_url: str, bus_url: str | None, *names: str) -> AsyncIterator[list[Application]]:
    """Nodes of these names on one database."""
    async with AsyncExitStack() as stack:
        made = [Application(Settings(bus=bus_url), database_url, node=each) for each in names]
        for each in made:
            await stack.enter_async_context(each.running())
            await each.rooms_bus.listening.wait()
        yield made


def told(listener: Heard) -> list[str]:
    """The names of what it was told."""
    packets = [each.packets[0] for each in listener.heard if isinstance(each, Frame)]
    return [json.loads(each[2:])[0] for each in packets]


def room_on(node: Application, project_id: str) -> Room[Frame]:
    room = node.projects.room(project_id)
    assert room
    return room


def everything_is_told(node: Application) -> None:
    for _ in range(presence.EVERYTHING_EACH):
        node.presence.tick()


async def test_a_lost_hint_heals_in_rooms_of_one_and_of_many(database_url: str, bus_url: str | None) -> None:
    async with two_nodes(database_url, bus_url) as (here, there):
        project_id = (await a_garden(here, ALICE)).project_id
        await entered(here, project_id, ALICE)
        crowd = [Heard(each) for each in CROWD]
        async with there.projects.using(project_id) as live:
            for each in crowd:
                live.room.enter(each)
        room = room_on(here, project_id)
        for node in (here, there):
            node.presence.tick()
        await until(lambda: sorted(room.online) == sorted([ALICE.user_id, *CROWD]))

        # From here on the room there says nothing of who comes and goes.
        other, late = room_on(there, project_id), Heard(some_id("user", 99))
        other._neighbours = None
        for nth in (0, presence.PEOPLE_A_HINT, len(crowd) - 1):
            other.leave(crowd[nth])
        other.enter(late)
        everything_is_told(there)
        await until(lambda: set(room.online) == {ALICE.user_id, *other.here})
        for each in (*crowd, late):
            other.leave(each)
        everything_is_told(there)
        everything_is_told(here)
        await until(lambda: room.online == [ALICE.user_id])
        await here.projects.submit(c.ArchiveProject(), ALICE, project_id)


async def test_who_is_the_first_here_finds_everybody_there_at_once(database_url: str, bus_url: str | None) -> None:
    async with two_nodes(database_url, bus_url) as (here, there):
        project_id = (await a_garden(here, ALICE)).project_id
        watching = await entered(here, project_id, ALICE)
        await until(lambda: there.presence.elsewhere(project_id) != {})

        bob = Heard(BOB)
        async with there.projects.using(project_id) as live:
            live.room.enter(bob)
            assert live.room.online == [BOB, ALICE.user_id]
        await until(lambda: len(watching.heard) == 1)
        room_on(there, project_id).leave(bob)
        await until(lambda: here.presence.elsewhere(project_id) == {})

        async with there.projects.using(project_id) as live:
            live.room.enter(bob)
            assert live.room.online == [BOB, ALICE.user_id]
        await until(lambda: room_on(here, project_id).online == [ALICE.user_id, BOB])
        assert bob.heard == []
        assert told(watching) == ["user_joined", "user_left", "user_joined"]


async def test_who_comes_on_another_node_too_is_no_news(database_url: str, bus_url: str | None) -> None:
    async with two_nodes(database_url, bus_url) as (here, there):
        project_id = (await a_garden(here, ALICE)).project_id
        hers = await entered(here, project_id, ALICE)
        await until(lambda: there.presence.elsewhere(project_id) != {})
        others = [await entered(there, project_id, ALICE) for _ in range(2)]
        await until(lambda: here.presence.elsewhere(project_id) != {})

        assert (hers.heard, *(each.heard for each in others)) == ([], [], [])


async def test_what_was_wrongly_believed_of_a_room_nobody_here_is_in_heals(
    database_url: str, bus_url: str | None
) -> None:
    async with two_nodes(database_url, bus_url) as (here, there):
        project_id = (await a_garden(here, ALICE)).project_id
        hers = await entered(here, project_id, ALICE)
        await until(lambda: there.presence.elsewhere(project_id) != {})
        room = room_on(here, project_id)
        room._neighbours = None  # the hint that she has gone is lost
        room.leave(hers)

        everything_is_told(there)
        await until(lambda: there.presence.elsewhere(project_id) == {})


async def test_whoever_starts_in_the_place_of_a_node_says_that_it_is_gone(
    database_url: str, bus_url: str | None
) -> None:
    async with nodes(database_url, bus_url, "one.1", "two.1") as (here, there):
        project_id = (await a_garden(here, ALICE)).project_id
        await entered(here, project_id, ALICE)
        watching = await entered(there, project_id, Actor(BOB))
        await until(lambda: room_on(there, project_id).online == [BOB, ALICE.user_id])
        watching.heard.clear()
        here.presence._tell = lambda hint: None  # type: ignore[method-assign]  # it is dead, for all that others hear

        async with nodes(database_url, bus_url, "one.2"):
            await until(lambda: room_on(there, project_id).online == [BOB])
        assert told(watching) == ["user_left"]


async def test_a_node_that_has_just_started_knows_who_is_there(database_url: str, bus_url: str | None) -> None:
    async with nodes(database_url, bus_url, "one.1") as (here,):
        project_id = (await a_garden(here, ALICE)).project_id
        await entered(here, project_id, ALICE)
        async with nodes(database_url, bus_url, "two.1") as (there,):
            await until(lambda: there.presence.elsewhere(project_id) == {"one.1": {ALICE.user_id: ALICE.user_id[:4]}})
