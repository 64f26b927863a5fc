"""The append: decided commands in, one round trip, an outcome for each project out."""

from collections.abc import Sequence
from typing import Literal, cast

from msgspec import Struct

from collabcampus.domain import events as e
from collabcampus.log import arrays
from collabcampus.log.arrays import BIGINT, BOOLEAN, BYTEA, INTEGER, TEXT, UUID
from collabcampus.log.database import Connection
from collabcampus.log.statement import Statement

Outcome = Literal["appended", "moved", "repeated", "taken"]

_ARRAYS = (
    *(UUID, BIGINT),
    *(UUID, UUID, UUID, BYTEA, BIGINT, INTEGER, TEXT),
    *(UUID, BIGINT, TEXT, TEXT, TEXT, UUID, UUID, TEXT),
    *(UUID, UUID),
)
_APPEND = Statement(
    "append",
    f"SELECT project_id, outcome FROM append({', '.join(f'${n}' for n in range(1, len(_ARRAYS) + 2))})",  # noqa: S608 # nosec B608
    [*(arrays.ARRAY_OF[each] for each in _ARRAYS), BOOLEAN],
)


class Decided(Struct, frozen=True):
    """A command and what was decided of it; `at` is RFC 3339, `digest` covers actor and content.

    `position` is where the project stands after it, which is that of the last of its `events` if it made any.
    """

    command_id: str
    actor: str
    digest: bytes
    at: str
    position: int
    events: Sequence[e.Recorded]


class Writes(Struct, frozen=True):
    """One project's commands in order, decided against position `base`."""

    project_id: str
    base: int
    decided: Sequence[Decided]


async def append(connection: Connection, batch: Sequence[Writes]) -> dict[str, Outcome]:
    """Append what was decided, project by project: all of a project's commands or none of them; LISTEN hears of it.

    A project stands in a batch once. Raises what psycopg raises; whether anything was written is then unknown where
    the connection was lost, and nothing was where it was not.
    """
    return _outcomes(batch, await _APPEND.run(connection, _parameters(batch, notify=True)))


class Appending:
    """An append that has left, on a connection kept for appends alone."""

    def __init__(self, connection: Connection, batch: Sequence[Writes], *, notify: bool) -> None:
        """Send it; `ready` before. `notify`: who LISTENs hears of it. Raises what psycopg raises, and then nothing
        was sent."""
        self._batch = batch
        self._exchange = _APPEND.send(connection, _parameters(batch, notify=notify))

    @staticmethod
    async def ready(connection: Connection) -> None:
        """Prepare a fresh connection."""
        await _APPEND.prepare(connection)

    async def outcomes(self) -> dict[str, Outcome]:
        """As `append` gives them."""
        return _outcomes(self._batch, await self._exchange.rows())


def _outcomes(batch: Sequence[Writes], refused: Sequence[tuple[str, ...]]) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {writes.project_id: "appended" for writes in batch}
    outcomes.update((each[0], cast("Outcome", each[1])) for each in refused)
    return outcomes


def _parameters(batch: Sequence[Writes], *, notify: bool) -> list[bytes]:
    projects = [arrays.uuid(writes.project_id) for writes in batch]
    columns: list[list[bytes]] = [[] for _ in range(7)]
    c_projects, c_ids, c_actors, c_digests, c_positions, c_events, c_times = columns
    happened: list[list[bytes]] = [[] for _ in range(8)]
    e_projects, e_positions, types, keys, datas, e_actors, e_commands, e_times = happened
    new_ids: list[bytes] = []
    new_projects: list[bytes] = []
    people: dict[str, bytes] = {}
    for project, writes in zip(projects, batch, strict=True):
        for decided in writes.decided:
            actor = people.get(decided.actor) or people.setdefault(decided.actor, arrays.uuid(decided.actor))
            command, at = arrays.uuid(decided.command_id), decided.at.encode()
            c_projects.append(project)
            c_ids.append(command)
            c_actors.append(actor)
            c_digests.append(decided.digest)
            c_positions.append(arrays.bigint(decided.position))
            c_events.append(arrays.integer(len(decided.events)))
            c_times.append(at)
            for recorded in decided.events:
                e_projects.append(project)
                e_positions.append(arrays.bigint(recorded.position))
                types.append(type(recorded.event).__name__.encode())
                keys.append(recorded.event.key.encode())
                datas.append(recorded.data)
                e_actors.append(actor)
                e_commands.append(command)
                e_times.append(at)
                if isinstance(recorded.event, e.TaskCreated):
                    new_ids.append(arrays.uuid(recorded.event.task_id))
                    new_projects.append(project)
    bases = [arrays.bigint(writes.base) for writes in batch]
    elements = [projects, bases, *columns, *happened, new_ids, new_projects]
    return [*(_array(*each) for each in zip(_ARRAYS, elements, strict=True)), arrays.boolean(notify)]


_SIZES = {UUID: 16, BIGINT: 8, INTEGER: 4}


def _array(kind: int, elements: Sequence[bytes]) -> bytes:
    size = _SIZES.get(kind)
    return arrays.fixed(kind, size, elements) if size else arrays.varying(kind, elements)
