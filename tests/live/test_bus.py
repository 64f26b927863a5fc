"""What waits to be announced is bounded, in order, and nobody waits for it."""

import asyncio

import pytest

from collabcampus.domain.errors import Unavailable
from collabcampus.live.bus import ANNOUNCEMENTS_WAITING, Announcer, Heard, Tick

pytestmark = pytest.mark.anyio


class Slow:
    """A bus that carries nothing until it is opened, and then keeps what it carried."""

    tick: Tick

    def __init__(self) -> None:
        self.listening = asyncio.Event()
        self.open = asyncio.Event()
        self.carried: list[str] = []
        self.broken = False

    def subscribe(self, channel: str, heard: Heard) -> None:
        raise AssertionError("nobody listens here")

    def care(self, project_id: str) -> None:
        raise AssertionError("nobody cares here")

    def let_go(self, project_id: str) -> None:
        raise AssertionError("nobody cares here")

    async def publish(self, channel: str, payload: str, project_id: str | None = None) -> None:
        await self.open.wait()
        if self.broken:
            raise Unavailable
        self.carried.append(payload)

    async def run(self) -> None:
        raise AssertionError("nobody listens here")


async def test_beyond_the_bound_the_oldest_are_let_go_of_and_the_order_holds() -> None:
    bus = Slow()
    announcer = Announcer(bus, "channel")
    announcer.tell("first")
    await asyncio.sleep(0)
    many = [str(each) for each in range(2 * ANNOUNCEMENTS_WAITING)]
    for each in many:
        announcer.tell(each)
    bus.open.set()
    assert announcer._telling
    await announcer._telling

    assert bus.carried == ["first", *many[-ANNOUNCEMENTS_WAITING:]]


async def test_after_an_outage_it_goes_on_with_what_is_told_then() -> None:
    bus = Slow()
    bus.open.set()
    announcer = Announcer(bus, "channel")
    for broken in (True, False):
        bus.broken = broken
        announcer.tell(f"broken: {broken}")
        assert announcer._telling
        await announcer._telling

    assert bus.carried == ["broken: False"]
