"""Long logs, made quickly and as the product would: every event decided, folded and appended, in big batches."""

import asyncio
import sys
import time
from typing import Any

import psycopg
import uuid_utils
from load import Data

from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.project import Actor, Project, fold, initial, merge
from collabcampus.log.append import Decided, Writes, append
from collabcampus.log.database import configure

BATCH = 1_000
COLUMNS = ("in-progress", "done", "todo")
AT = "2026-01-01T00:00:00.000Z"
SAY_EVERY_S = 10.0


def grow(conninfo: str, data: Data, events: int) -> int:
    """Move tasks until the projects have that many events together; how many there are then.

    Every task goes round all columns, so that each ends where it began.
    """
    return asyncio.run(_grow(conninfo, data, events))


async def _grow(conninfo: str, data: Data, events: int) -> int:
    total, said = 0, time.monotonic()
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await configure(connection)
        for number, project in enumerate(data.projects, 1):
            state, owner = await _state(connection, project["projectId"])
            wanted = events * number // len(data.projects) - total
            while state.head < wanted:
                state = await _round(connection, state, owner, project["taskIds"], wanted)
                if time.monotonic() - said > SAY_EVERY_S:
                    said = time.monotonic()
                    print(f"  {total + state.head:,} of {events:,} events", file=sys.stderr)
            total += state.head
    return total


async def _state(connection: Any, project_id: str) -> tuple[Project, Actor]:
    query = "SELECT position, actor, command_id, type, data::text FROM events WHERE project_id = %s ORDER BY position"
    rows = await (await connection.execute(query, (project_id,))).fetchall()
    history = [
        e.Recorded(project_id, position, actor, command_id, AT, e.decode_event(kind, data), data.encode())
        for position, actor, command_id, kind, data in rows
    ]
    return fold(initial(project_id), history), Actor(str(rows[0][1]))


async def _round(connection: Any, state: Project, owner: Actor, tasks: list[str], wanted: int) -> Project:
    """As many tasks as are wanted, each once round the columns."""
    some = max(1, min(len(tasks), (wanted - state.head) // len(COLUMNS)))
    rounds = max(1, min(BATCH, wanted - state.head) // (some * len(COLUMNS)))
    moves = [c.MoveTask(task, column) for _ in range(rounds) for column in COLUMNS for task in tasks[:some]]
    base, decided = state.head, []
    for move in moves:
        command_id = str(uuid_utils.uuid7())
        events = decide(move, state, owner)
        recorded = e.record(state.project_id, state.head, owner.user_id, command_id, AT, events)
        merge(state, recorded)
        decided.append(Decided(command_id, owner.user_id, b"grow", AT, state.head, recorded))
    outcome = (await append(connection, [Writes(state.project_id, base, decided)]))[state.project_id]
    if outcome != "appended":
        raise RuntimeError(f"the log could not be made longer: {outcome}")
    return state
