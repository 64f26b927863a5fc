"""Every room that somebody is in is told its head, again and again, and not all in one turn of the loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.project import Actor
from collabcampus.live import heads
from collabcampus.live.heads import Heads
from collabcampus.live.rooms import Room
from collabcampus.log import snapshots
from collabcampus.settings import Settings
from live.asking import a_garden
from live.listening import Heard, Plain
from strategies import PEOPLE, some_id

pytestmark = pytest.mark.anyio


def a_room(nth: int, position: int) -> tuple[Room[object], Heard]:
    """A room at a position, and who hears it."""
    room: Room[object] = Room(some_id("project", nth), Plain())
    edited = e.ProjectEdited(room.project_id, name="Park")
    room.publish(e.record(room.project_id, position - 1, PEOPLE[0], some_id("command", 0), "", [edited]))
    listener = Heard(PEOPLE[0])
    room.enter(listener)
    return room, listener


@asynccontextmanager
async def telling(told: Heads) -> AsyncIterator[None]:
    task = asyncio.create_task(told.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a listener has no event to wait for
            await asyncio.sleep(0.005)


async def test_a_room_is_told_again_and_again_where_it_is() -> None:
    (first, hearing), (second, also) = a_room(0, 7), a_room(1, 1)
    async with telling(Heads(lambda: [first, second], 0.01)):
        await until(lambda: len(also.heard) >= 3)

    assert set(hearing.heard) == {("head", 7)}
    assert set(also.heard) == {("head", 1)}


async def test_many_rooms_are_told_some_at_a_time() -> None:
    rooms = [a_room(nth, 1) for nth in range(2 * heads.ROOMS_AT_ONCE + 1)]
    told = lambda: sum(len(listener.heard) for _, listener in rooms)  # noqa: E731
    async with telling(Heads(lambda: [room for room, _ in rooms], 0.3)):
        await asyncio.sleep(0)
        assert told() == heads.ROOMS_AT_ONCE
        await until(lambda: told() > len(rooms))

    assert all(listener.heard for _, listener in rooms), "everybody before anybody twice"


async def test_who_comes_when_nobody_was_there_is_told_too() -> None:
    rooms: list[Room[object]] = []
    async with telling(Heads(lambda: rooms, 0.01)):
        await asyncio.sleep(0.03)
        room, listener = a_room(0, 3)
        rooms.append(room)
        await until(lambda: bool(listener.heard))

    assert listener.heard[0] == ("head", 3)


async def test_a_project_that_comes_from_a_snapshot_knows_its_head(database_url: str) -> None:
    owner = Actor(PEOPLE[0])
    async with Application(Settings(), database_url).running() as one:
        garden = await a_garden(one, owner)
        answer = await one.projects.submit(c.EditProject(name="Park"), owner, garden.project_id)
        state = await one.projects.read(garden.project_id)
        await snapshots.store(one.database, garden.project_id, state.head, snapshots.encode(state))
    async with (
        Application(Settings(), database_url).running() as other,
        other.projects.using(garden.project_id) as live,
    ):
        assert live.room.told == live.state.head == answer.position


async def test_a_room_that_fails_takes_the_heads_of_no_other() -> None:
    (bad, _), (good, listener) = a_room(0, 1), a_room(1, 1)

    class Failing(Heard):
        def send(self, frame: object) -> None:
            raise ValueError("it fails")

    bad.enter(Failing(PEOPLE[1]))
    async with telling(Heads(lambda: [bad, good], 0.01)):
        await until(lambda: len(listener.heard) >= 3)


async def test_a_task_that_fails_beside_keeps_nothing_from_ending(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = Application(Settings(), database_url)

    async def failing() -> None:
        raise ValueError("it fails")

    monkeypatch.setattr(application.heads, "run", failing)
    async with application.running():
        await asyncio.sleep(0.01)

    assert [each for each in asyncio.all_tasks() if "reminding" in str(each.get_coro())] == []
