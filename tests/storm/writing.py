"""The storm itself: sockets that write in pipelined batches, at a rate."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from storm.campus import Campus, Project
from storm.clients import Client

COLUMNS = ("todo", "in-progress", "done")
SHARE_OF_SECOND_NODE = 10
"""One batch in so many is written by way of the second node: two nodes that write one project take turns."""


class Storm:
    """Writers of one project; counts what was acknowledged."""

    def __init__(self, campus: Campus, project: Project, rate: float, batch: int) -> None:
        self.committed = 0
        self.refused: dict[str, int] = {}
        self._campus, self._project, self._rate, self._batch = campus, project, rate, batch
        self._began = self._ended = 0.0
        self._batches = 0
        self._stopping = False

    @property
    def reached(self) -> float:
        """Events a second."""
        return self.committed / max((self._ended or time.monotonic()) - self._began, 1e-9)

    async def write(self, sockets: list[Client], far: Client) -> None:
        """Write until told to stop: each socket a batch at a time, all of them at the rate."""
        self._began = time.monotonic()
        await asyncio.gather(*(self._writing(each, far) for each in sockets))
        self._ended = time.monotonic()

    def stop(self) -> None:
        """Begin no further batch."""
        self._stopping = True

    async def _writing(self, near: Client, far: Client) -> None:
        while not self._stopping:
            due = self._began + self._batches * self._batch / self._rate
            self._batches += 1
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            socket = far if self._batches % SHARE_OF_SECOND_NODE == 0 else near
            for answer in await asyncio.gather(*(socket.ask(*self._command()) for _ in range(self._batch))):
                if answer["ok"]:
                    self.committed += 1
                else:
                    code = answer["error"]["code"]
                    self.refused[code] = self.refused.get(code, 0) + 1

    def _command(self) -> tuple[str, dict[str, Any]]:
        rng, project = self._campus.rng, self._project
        about = {"projectId": project.project_id}
        match rng.randrange(4):
            case 0:
                return "send_message", about | {"text": f"word {rng.random()}"}
            case 1:
                return "task_moved", about | {"taskId": rng.choice(project.task_ids), "status": rng.choice(COLUMNS)}
            case _:
                return "edit_task", about | {"taskId": rng.choice(project.task_ids), "title": f"task {rng.random()}"}


@asynccontextmanager
async def storm(campus: Campus, project: Project, *, sockets: int, rate: float, batch: int) -> AsyncIterator[Storm]:
    """A storm over a project meanwhile, written by its owner."""
    near = [await campus.socket(0, campus.owner) for _ in range(sockets)]
    far = await campus.socket(1, campus.owner)
    made = Storm(campus, project, rate, batch)
    writing = asyncio.create_task(made.write(near, far))
    try:
        yield made
    finally:
        made.stop()
        await writing
