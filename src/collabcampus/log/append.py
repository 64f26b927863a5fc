"""The append: decided commands in, one round trip, an outcome for each project out."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from collabcampus.domain import events as e
from collabcampus.log.database import Connection

Outcome = Literal["appended", "moved", "repeated", "taken"]

_APPEND = (
    b"SELECT project_id, outcome, position FROM append(%s::uuid[], %s::bigint[], %s::int[], %s::uuid[], %s::uuid[], "
    b"%s::bytea[], %s::timestamptz[], %s::int[], %s::int[], %s::text[], %s::text[], %s::text[], %s::uuid[])"
)


class Decided(Struct, frozen=True):
    """A command and what was decided of it; `at` is RFC 3339, `digest` covers actor and content."""

    command_id: str
    actor: str
    digest: bytes
    at: str
    events: Sequence[e.Event]


class Writes(Struct, frozen=True):
    """One project's commands in order, decided against position `base`."""

    project_id: str
    base: int
    decided: Sequence[Decided]


class Result(Struct, frozen=True):
    """What became of one project's commands; `position` is its new head where they were appended."""

    outcome: Outcome
    position: int | None


async def append(connection: Connection, batch: Sequence[Writes]) -> dict[str, Result]:
    """Append what was decided, project by project: all of a project's commands or none of them."""
    decided = [(number, each) for number, writes in enumerate(batch, 1) for each in writes.decided]
    events = [(number, event) for number, (_, each) in enumerate(decided, 1) for event in each.events]
    values = (
        [writes.project_id for writes in batch],
        [writes.base for writes in batch],
        [number for number, _ in decided],
        [each.command_id for _, each in decided],
        [each.actor for _, each in decided],
        [each.digest for _, each in decided],
        [each.at for _, each in decided],
        [len(each.events) for _, each in decided],
        [number for number, _ in events],
        [type(event).__name__ for _, event in events],
        [event.key for _, event in events],
        [e.encode_event(event).decode() for _, event in events],
        [event.task_id if isinstance(event, e.TaskCreated) else None for _, event in events],
    )
    rows = await (await connection.execute(_APPEND, values, prepare=True)).fetchall()
    return {project_id: Result(outcome, position) for project_id, outcome, position in rows}
