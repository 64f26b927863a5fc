"""Rebuilding all read models: events a second, and what a writer's appends take without and with a rebuild beside.

usage: rebuilding.py CONNINFO PROJECT USER TASK SECONDS — a JSON object; the log of CONNINFO is rebuilt as it is.
"""

import asyncio
import json
import sys
import time

import uuid_utils

from collabcampus.domain import events as e
from collabcampus.log import read
from collabcampus.log.append import Decided, Writes, append
from collabcampus.log.database import Database
from collabcampus.log.rebuild import rebuild

WRITES_S = 1_000
BATCH = 10
"""Writes gathered in an append, as group commit gathers them."""
AT = "2026-01-01T00:00:00.000Z"
COLUMNS = ("in-progress", "done", "todo")


class Writer:
    """Moves one task at a fixed rate; an append is timed from the moment it was due."""

    def __init__(self, database: Database, project_id: str, user_id: str, task_id: str, head: int) -> None:
        self.database, self.project_id, self.user_id, self.task_id, self.head = (
            database, project_id, user_id, task_id, head,
        )  # fmt: skip
        self.took: list[float] = []

    async def work(self) -> None:
        """Until it is cancelled."""
        due = time.perf_counter()
        while True:
            await asyncio.sleep(due - time.perf_counter())
            await self._once()
            self.took.append(time.perf_counter() - due)
            due += BATCH / WRITES_S

    async def _once(self) -> None:
        base, decided = self.head, []
        for n in range(BATCH):
            command_id = str(uuid_utils.uuid7())
            moved = [e.TaskMoved(self.task_id, COLUMNS[n % 3], "a0")]
            recorded = e.record(self.project_id, self.head, self.user_id, command_id, AT, moved)
            self.head += 1
            decided.append(Decided(command_id, self.user_id, b"rebuild", AT, self.head, recorded))
        async with self.database.connection() as connection:
            outcome = (await append(connection, [Writes(self.project_id, base, decided)]))[self.project_id]
        if outcome != "appended":
            raise RuntimeError(outcome)

    def p99(self) -> float:
        """Of what was written since it was last asked, in milliseconds."""
        took, self.took = sorted(self.took), []
        return 1_000 * took[len(took) * 99 // 100]


async def measured(conninfo: str, project_id: str, user_id: str, task_id: str, seconds: float) -> dict[str, float]:
    """Alone, then under writes."""
    alone = await rebuild(conninfo, [])
    database = Database(conninfo, most=1)
    await database.open()
    head = int((await read.heads(database, [project_id]))[project_id])
    writer = Writer(database, project_id, user_id, task_id, head)
    writing = asyncio.create_task(writer.work())
    await asyncio.sleep(seconds)
    without = writer.p99()
    beside = await rebuild(conninfo, [])
    with_rebuild = writer.p99()
    if writing.done():
        writing.result()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await database.close()
    return {
        "rebuild": alone.events / alone.seconds,
        "rebuildUnderWrites": beside.events / beside.seconds,
        "p99Without": without,
        "p99With": with_rebuild,
    }


def main() -> None:
    """Measure and print."""
    conninfo, project, user, task, seconds = sys.argv[1:]
    print(json.dumps(asyncio.run(measured(conninfo, project, user, task, float(seconds)))))


if __name__ == "__main__":
    main()
