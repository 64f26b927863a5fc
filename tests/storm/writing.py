"""The storm itself: sockets that write in pipelined batches, at a rate."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from storm.campus import Campus, Project
from storm.clients import Client

COLUMNS = ("todo", "in-progress", "done")
BATCH = 25
UNANSWERED = 400
"""Commands of one socket that may be on their way: beyond, it waits instead of keeping to the rate."""
SHARE_OF_SECOND_NODE = 20
"""One batch in so many is written by way of the second node: two nodes that write one project take turns."""
LOOK_S = 0.002


class Storm:
    """Writers of one project; counts what was acknowledged."""

    def __init__(self, campus: Campus, project: Project, rate: float) -> None:
        self.committed = 0
        self.refused: dict[str, int] = {}
        self._campus, self._project, self._rate = campus, project, rate
        self._began = self._ended = 0.0
        self._unanswered: dict[Client, int] = {}
        self._stopping = False

    @property
    def reached(self) -> float:
        """Events a second."""
        return self.committed / max((self._ended or time.monotonic()) - self._began, 1e-9)

    async def write(self, sockets: list[Client], far: Client) -> None:
        """Write until told to stop, and until everything is answered."""
        self._began = time.monotonic()
        self._unanswered = dict.fromkeys([*sockets, far], 0)
        turn = 0
        while not self._stopping:
            turn += 1
            await asyncio.sleep(max(0.0, self._began + turn * BATCH / self._rate - time.monotonic()))
            await self._send(far if turn % SHARE_OF_SECOND_NODE == 0 else sockets[turn % len(sockets)])
        while any(self._unanswered.values()):  # noqa: ASYNC110 - thousands of answers a second
            await asyncio.sleep(LOOK_S)
        self._ended = time.monotonic()

    def stop(self) -> None:
        """Begin no further batch."""
        self._stopping = True

    async def _send(self, socket: Client) -> None:
        """A batch in one go, once enough of those before are answered."""
        while self._unanswered[socket] > UNANSWERED and not self._stopping:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)
        self._unanswered[socket] += BATCH
        for _ in range(BATCH):
            socket.ask(*self._command()).add_done_callback(partial(self._answered, socket))

    def _answered(self, socket: Client, answer: "asyncio.Future[dict[str, Any]]") -> None:
        self._unanswered[socket] -= 1
        if answer.result()["ok"]:
            self.committed += 1
        else:
            code = answer.result()["error"]["code"]
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
async def storm(campus: Campus, project: Project, *, sockets: int, rate: float) -> AsyncIterator[Storm]:
    """A storm over a project meanwhile, written by its owner."""
    near = [await campus.socket(0, campus.owner) for _ in range(sockets)]
    far = await campus.socket(1, campus.owner)
    made = Storm(campus, project, rate)
    writing = asyncio.create_task(made.write(near, far))
    try:
        yield made
    finally:
        made.stop()
        await writing
