"""Who is there on another node is known, and known again after the hint that said so was lost."""

import asyncio
from collections.abc import Callable

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.project import Actor
from collabcampus.live import presence
from collabcampus.live.rooms import Room
from collabcampus.sockets.frames import Frame
from live.asking import a_garden
from live.listening import Heard
from live.test_typists import entered, two_nodes
from strategies import PEOPLE, some_id

pytestmark = pytest.mark.anyio
ALICE = Actor(PEOPLE[0])
CROWD = sorted(some_id("user", nth) for nth in range(100, 100 + 2 * presence.PEOPLE_A_HINT + 3))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a room has no event to wait for
            await asyncio.sleep(0.005)


def room_on(node: Application, project_id: str) -> Room[Frame]:
    room = node.projects.room(project_id)
    assert room
    return room


def everything_is_told(node: Application) -> None:
    for _ in range(presence.EVERYTHING_EACH):
        node.presence.tick()


async def test_a_lost_hint_heals_in_rooms_of_one_and_of_many(database_url: str) -> None:
    async with two_nodes(database_url) as (here, there):
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
        other._changed = None
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
