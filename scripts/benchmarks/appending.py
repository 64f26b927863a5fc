"""The log alone: appending events one by one and by the hundred, and replaying 20,000, ours or `eventsourcing`'s.

`unhashed` is ours with an append that computes no hash, so that what hashing costs can be told.

usage: appending.py ours|unhashed|eventsourcing CONNINFO PROJECT USER TASK SECONDS — a JSON object, events/s of each.
"""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import psycopg
from folding import folded
from psycopg.conninfo import conninfo_to_dict

REPLAYED = 20_000
BATCHES = {"by1": 1, "by100": 100}
WARM_S = 0.5
AT = "2026-01-01T00:00:00.000Z"
COLUMNS = ("in-progress", "done", "todo")
HASHES = re.compile(r"salt := substr\(sha256.*?'UTF8'\)\)\);", re.DOTALL)
NOTHING = "salt := decode(repeat('00', 16), 'hex'); digest := genesis(); link := digest;"


async def paced(work: Callable[[int], Awaitable[None]], size: int, seconds: float) -> float:
    """Events a second of work that appends `size` events at each call."""
    began, done, warm = time.perf_counter(), 0, True
    while (elapsed := time.perf_counter() - began) < seconds or warm:
        if warm and elapsed >= WARM_S:
            began, done, warm = time.perf_counter(), 0, False
        await work(size)
        done += size
    return done / elapsed


async def ours(conninfo: str, project_id: str, user_id: str, task_id: str, seconds: float) -> dict[str, float]:
    """The product's append and its reading and folding."""
    import uuid_utils

    from collabcampus.domain import events as e
    from collabcampus.domain.project import fold, initial
    from collabcampus.log import read
    from collabcampus.log.append import Decided, Writes, append
    from collabcampus.log.database import Database

    database = Database(conninfo, most=1)
    await database.open()
    head = int((await read.heads(database, [project_id]))[project_id])

    async def work(size: int) -> None:
        nonlocal head
        base, decided = head, []
        for n in range(size):
            command_id = str(uuid_utils.uuid7())
            moved = e.record(project_id, head, user_id, command_id, AT, [e.TaskMoved(task_id, COLUMNS[n % 3], "a0")])
            head += 1
            decided.append(Decided(command_id, user_id, b"append", AT, head, moved))
        async with database.connection() as connection:
            outcome = (await append(connection, [Writes(project_id, base, decided)]))[project_id]
        if outcome != "appended":
            raise RuntimeError(outcome)

    found = {name: await paced(work, size, seconds) for name, size in BATCHES.items()}
    while head < REPLAYED:
        await work(min(500, REPLAYED - head))
    began = time.perf_counter()
    state = fold(initial(project_id), [each async for each in read.history(database, project_id, until=REPLAYED)])
    taken = time.perf_counter() - began
    if state.head != REPLAYED:
        raise RuntimeError(f"replayed to {state.head}")
    await database.close()
    return {**found, "replay": REPLAYED / taken, "fold": folded()}


async def unhashed(conninfo: str, *rest: Any) -> dict[str, float]:
    """The same without the hashes: a log that proves nothing, in a database of its own."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute("SELECT pg_get_functiondef('append'::regproc)").fetchone()
        assert row
        definition, replaced = HASHES.subn(NOTHING, row[0])
        if replaced == 1:
            connection.execute(definition.encode())
        elif NOTHING not in definition:
            raise RuntimeError("the append computes its hashes in another way than is known here")
    return await ours(conninfo, *rest)


def _peer_environment(conninfo: str) -> None:
    where = conninfo_to_dict(conninfo)
    os.environ |= {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(where["dbname"]),
        "POSTGRES_HOST": str(where["host"]),
        "POSTGRES_PORT": str(where["port"]),
        "POSTGRES_USER": str(where["user"]),
        "POSTGRES_PASSWORD": "",
    }


async def eventsourcing(conninfo: str, _project: str, _user: str, task_id: str, seconds: float) -> dict[str, float]:
    """The library's application with its PostgreSQL recorder."""
    _peer_environment(conninfo)
    from eventsourcing.application import Application
    from eventsourcing.domain import Aggregate, event

    class Board(Aggregate):
        def __init__(self) -> None:
            self.places: dict[str, Any] = {}

        @event("TaskMoved")
        def move(self, task_id: str, status: str, rank: str) -> None:
            self.places[task_id] = (status, rank)

    application = Application[UUID]()
    board = Board()
    application.save(board)

    async def work(size: int) -> None:
        for n in range(size):
            board.move(task_id, COLUMNS[n % 3], "a0")
        application.save(board)

    found = {name: await paced(work, size, seconds) for name, size in BATCHES.items()}
    while board.version < REPLAYED:
        await work(min(500, REPLAYED - board.version))
    began = time.perf_counter()
    again: Board = application.repository.get(board.id, version=REPLAYED)
    taken = time.perf_counter() - began
    if again.version != REPLAYED:
        raise RuntimeError(f"replayed to {again.version}")
    application.close()
    return {**found, "replay": REPLAYED / taken, "fold": REPLAYED / taken}


def main() -> None:
    """Run one of the three."""
    which, conninfo, project, user, task, seconds = sys.argv[1:]
    psycopg.connect(conninfo).close()
    work = {"ours": ours, "unhashed": unhashed, "eventsourcing": eventsourcing}[which]
    print(json.dumps(asyncio.run(work(conninfo, project, user, task, float(seconds)))))


if __name__ == "__main__":
    main()
