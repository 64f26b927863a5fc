"""The bus carries hints and never truth: what it loses, doubles or brings late changes nothing but a little delay."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from msgspec import Struct

from collabcampus.app import Application
from collabcampus.domain.project import Actor
from collabcampus.live.bus import Heard as Hear
from collabcampus.log.follow import HEARTBEAT
from collabcampus.settings import Settings
from live.asking import a_garden
from live.listening import Heard
from live.test_hints import LINES, positions_in, talk, until
from live.test_presence import room_on
from live.test_typists import entered
from strategies import PEOPLE, some_id

pytestmark = pytest.mark.anyio
ALICE, BOB = (Actor(each) for each in PEOPLE[:2])
TICK_S = 0.1
SEEDS = range(2)


class Faults(Struct, frozen=True):
    """How often of a hundred a message is lost, comes twice, comes late; and by how much at the most."""

    lost: int = 0
    doubled: int = 0
    late: int = 0
    late_s: float = 0.15


EACH = {
    "all of it lost": Faults(lost=100),
    "all of it doubled": Faults(doubled=100),
    "all of it late": Faults(late=100),
    "some of everything": Faults(lost=30, doubled=30, late=50),
}


class Lossy:
    """Comes between what arrives and who hears it."""

    def __init__(self, faults: Faults, seed: int, heard: Hear) -> None:
        self._faults, self._random, self._heard = faults, random.Random(seed), heard

    def __call__(self, payload: str) -> None:
        faults = self._faults
        if self._happens(faults.lost):
            return
        for _ in range(2 if self._happens(faults.doubled) else 1):
            delay = self._random.uniform(0, faults.late_s) if self._happens(faults.late) else 0
            asyncio.get_running_loop().call_later(delay, self._heard, payload)

    def _happens(self, of_a_hundred: int) -> bool:
        return self._random.randrange(100) < of_a_hundred


def hard_of_hearing(node: Application, faults: Faults, seed: int) -> None:
    """From now on the node hears what others tell through these faults, and ticks often."""
    for bus in {node.bus, node.rooms_bus}:
        bus._pulse._interval_s = TICK_S  # type: ignore[attr-defined]
        channels = bus._channels  # type: ignore[attr-defined]
        for nth, channel in enumerate(sorted(channels, key=str)):
            if HEARTBEAT not in str(channel):
                channels[channel] = Lossy(faults, 100 * seed + nth, channels[channel])


@asynccontextmanager
async def two_such(
    database_url: str, bus_url: str | None, faults: Faults, seed: int = 0
) -> AsyncIterator[list[Application]]:
    async with AsyncExitStack() as stack:
        nodes = [Application(Settings(bus=bus_url), database_url) for _ in range(2)]
        for nth, each in enumerate(nodes):
            hard_of_hearing(each, faults, 2 * seed + nth)
            await stack.enter_async_context(each.running())
            await each.rooms_bus.listening.wait()
        yield nodes


@pytest.mark.parametrize("faults", EACH.values(), ids=EACH)
async def test_rooms_of_both_nodes_hear_everything_once_and_in_order(
    database_url: str, bus_url: str | None, faults: Faults
) -> None:
    async with two_such(database_url, bus_url, faults) as (here, there):
        project_id = (await a_garden(here, ALICE, BOB)).project_id
        mine, his = await entered(here, project_id, ALICE), await entered(there, project_id, BOB)
        head = (await here.projects.read(project_id)).head
        await asyncio.gather(talk(here, ALICE, project_id), talk(there, BOB, project_id))
        every = list(range(head + 1, head + 2 * LINES + 1))
        await until(lambda: len(positions_in(mine)) >= 2 * LINES <= len(positions_in(his)))

        assert (positions_in(mine), positions_in(his)) == (every, every)
        assert await here.projects.read(project_id) == await there.projects.read(project_id)


@pytest.mark.parametrize("seed", SEEDS)
async def test_who_is_there_is_known_in_the_end(database_url: str, bus_url: str | None, seed: int) -> None:
    chance = random.Random(seed)
    async with two_such(database_url, bus_url, EACH["some of everything"], seed) as nodes:
        project_id = (await a_garden(nodes[0], ALICE)).project_id
        for node in nodes:
            await entered(node, project_id, ALICE)
        crowds = [[Heard(some_id("user", 10 * nth + each)) for each in range(6)] for nth in range(2)]
        for _ in range(60):
            nth = chance.randrange(2)
            room, person = room_on(nodes[nth], project_id), chance.choice(crowds[nth])
            room.leave(person) if person in room else room.enter(person)
            await asyncio.sleep(0.005)
        people = {user_id for node in nodes for user_id in room_on(node, project_id).here}

        def known() -> bool:
            return all(set(room_on(node, project_id).online) == people for node in nodes)

        await until(known)


async def test_a_session_that_ended_is_refused_on_a_node_that_hears_nothing(
    database_url: str, bus_url: str | None
) -> None:
    async with two_such(database_url, bus_url, Faults(lost=100)) as (here, there):
        signed_in = await here.identity.register("alice@example.org", "Alice", "a long enough password", "a test")
        session_id = here.identity.tokens.check(signed_in.token).session_id
        await here.identity.sessions.end(session_id, "a test")
        await until(lambda: there.identity.sessions.has_ended(session_id))


async def test_the_faults_do_happen(anyio_backend: object) -> None:
    heard: list[str] = []
    for nth, faults in enumerate(EACH.values()):
        lossy = Lossy(faults, 0, lambda payload, nth=nth: heard.append(f"{nth} {payload}"))  # type: ignore[misc]
        for number in range(100):
            lossy(str(number))
    await asyncio.sleep(0.3)
    of = [[each.split()[1] for each in heard if each.startswith(f"{nth} ")] for nth in range(len(EACH))]

    assert (of[0], of[1]) == ([], [str(each // 2) for each in range(200)])
    assert len(of[2]) == 100
    assert of[2] != sorted(of[2], key=int)
    assert 60 < len(of[3]) < 130
    assert len(set(of[3])) < len(of[3])
