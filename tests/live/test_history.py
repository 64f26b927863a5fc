"""What live projects read of the log."""

import asyncio

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.project import Actor
from collabcampus.live import history
from collabcampus.live.commit import GroupCommit
from collabcampus.live.project import LiveProject
from collabcampus.log import snapshots
from collabcampus.log.database import Database
from collabcampus.sockets.frames import Frame, SocketFrames
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

OWNER = Actor(PEOPLE[0])


class Ear:
    """Somebody in a room who counts what they are sent."""

    user_id, name = PEOPLE[0], "Alice"

    def __init__(self) -> None:
        self.heard = 0

    def send(self, frame: Frame) -> None:
        self.heard += len(frame.packets)

    def left(self, project_id: str, reason: str) -> None:
        raise AssertionError("nobody is sent out")


async def test_who_loads_a_project_late_does_not_take_it_back_to_its_stored_snapshot(
    application: Application,
) -> None:
    projects = application.projects
    project_id = (await projects.submit(c.CreateProject("Garden"), OWNER)).subject.project_id
    stored = await projects.read(project_id)
    await snapshots.store(application.database, project_id, stored.head, snapshots.encode(stored))
    for word in ("one", "two", "three"):
        said = await projects.submit(c.SendMessage(word), OWNER, project_id)
    lane = GroupCommit(application.database, lambda *_: None)
    live = LiveProject(project_id, SocketFrames(), lane)
    slow = Database(application.database.conninfo, most=1)
    await slow.open()
    async with slow.connection():
        late = asyncio.create_task(history.catch_up(slow, live))
        await asyncio.sleep(0)  # it asks for the snapshot, and waits for the connection
        await history.catch_up(application.database, live)
        ear = Ear()
        live.room.enter(ear)
    await late
    await slow.close()

    assert live.state.head == said.position
    assert ear.heard == 0
