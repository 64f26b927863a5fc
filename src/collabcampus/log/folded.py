"""The audit's part in Python: every event decodes, and the fold agrees with each read model and stored snapshot.

The log and every table are read side by side in the order of projects, each through a cursor on the server: in memory
are one project's state and its rows, and a page of events, however long the history is.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from msgspec import DecodeError, ValidationError

from collabcampus.domain import events as e
from collabcampus.domain.project import FOLD_VERSION, initial, merge
from collabcampus.log import expected, snapshots
from collabcampus.log.checks import Finding
from collabcampus.log.database import Connection

PAGE = 2_000
"""Rows that come from the server at once."""

_EVENTS = """
    SELECT project_id::text, position, key, actor::text, command_id::text,
           to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), type, data::text
    FROM events AS e ORDER BY e.project_id, e.position
"""
"""Of the time as `rfc3339` has it: PostgreSQL would not inline that."""
_OF_THE_STATE = "SELECT project_id::text, key, row::text FROM {} AS t ORDER BY t.project_id"
_OF_EACH_EVENT = "SELECT project_id::text, position, key, row::text FROM {} AS t ORDER BY t.project_id, t.position"
_SNAPSHOTS = """
    SELECT project_id::text, position, state FROM snapshots AS s WHERE fold_version = {} ORDER BY s.project_id
"""

Row = tuple[Any, ...]


async def fold_all(
    connection: Connection, kept: Iterable[str], told: Callable[[int], None] = lambda _: None
) -> list[Finding]:
    """What does not decode, and where these kept tables and the stored snapshots differ from the fold.

    Inside a transaction of the caller's; `told` hears how many more events were read.
    """
    async with AsyncExitStack() as stack:

        async def stream(query: str) -> _Stream:
            cursor = await stack.enter_async_context(connection.cursor(f"audit_{len(query)}_{hash(query):x}"))
            await cursor.execute(query.encode())
            return _Stream(cursor)

        reading = _Reading(
            await stream(_EVENTS),
            await stream(_SNAPSHOTS.format(FOLD_VERSION)),
            {name: await stream(_OF_THE_STATE.format(name)) for name in kept if name in expected.OF_THE_STATE},
            {name: await stream(_OF_EACH_EVENT.format(name)) for name in kept if name in expected.OF_EACH_EVENT},
        )
        while project_id := await reading.events.project():
            await _Folding(reading, project_id).run(told)
    return reading.findings


class _Stream:
    """Rows in the order of their first field, the project."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._rows: deque[Row] = deque()
        self._ended = False

    async def project(self) -> str | None:
        """Whose row is next."""
        if not self._rows and not self._ended:
            self._rows.extend(await self._cursor.fetchmany(PAGE))
            self._ended = not self._rows
        return self._rows[0][0] if self._rows else None

    async def skip(self, project_id: str) -> None:
        """Leave out all of the projects before."""
        while (there := await self.project()) and there < project_id:
            self._rows.popleft()

    async def page(self, project_id: str) -> list[Row]:
        """The project's next rows; empty at its end."""
        page: list[Row] = []
        if await self.project() == project_id:
            while self._rows and self._rows[0][0] == project_id:
                page.append(self._rows.popleft())
        return page

    async def all(self, project_id: str) -> list[Row]:
        """All that is left of the project."""
        await self.skip(project_id)
        rows: list[Row] = []
        while page := await self.page(project_id):
            rows += page
        return rows

    async def until(self, project_id: str, position: int) -> list[Row]:
        """The project's rows whose second field is at most the position."""
        await self.skip(project_id)
        rows: list[Row] = []
        while await self.project() == project_id and self._rows[0][1] <= position:
            rows.append(self._rows.popleft())
        return rows


class _Reading:
    """Everything that is read side by side, and what was found in it."""

    def __init__(
        self, events: _Stream, stored: _Stream, of_the_state: dict[str, _Stream], of_each_event: dict[str, _Stream]
    ) -> None:
        self.events, self.stored = events, stored
        self.of_the_state, self.of_each_event = of_the_state, of_each_event
        self.findings: list[Finding] = []


class _Folding:
    """One project."""

    def __init__(self, reading: _Reading, project_id: str) -> None:
        self._reading, self._project_id = reading, project_id
        self._state = initial(project_id)
        self._undecoded: list[str] = []
        self._differing: dict[str, list[str]] = {}
        self._folds = True

    async def run(self, told: Callable[[int], None]) -> None:
        """Fold it, compare, and note what was found."""
        stored = await self._reading.stored.all(self._project_id)
        while rows := await self._reading.events.page(self._project_id):
            history = [each for row in rows if (each := self._decoded(row))]
            self._fold(history, stored)
            await self._compare_told(history, rows[-1][1])
            told(len(rows))
        await self._compare_state()
        self._conclude()

    def _decoded(self, row: Row) -> e.Recorded | None:
        project_id, position, key, actor, command_id, at, type_name, data = row
        try:
            event = e.decode_event(type_name, data)
        except KeyError:
            self._undecoded.append(f"position {position} is of the unknown type {type_name}")
        except (DecodeError, ValidationError) as error:
            self._undecoded.append(f"the data of position {position} are none of {type_name}: {error}")
        else:
            if event.key != key:
                self._undecoded.append(f"position {position} is about {event.key}, not {key}")
            return e.Recorded(project_id, position, actor, command_id, at, event, data.encode())
        return None

    def _fold(self, history: Sequence[e.Recorded], stored: Sequence[Row]) -> None:
        """Nothing follows from a history that has a hole."""
        if self._undecoded or not self._folds:
            return
        try:
            for _, position, state in stored:
                before = [each for each in history if each.position <= position]
                if self._state.head < position and before:
                    merge(self._state, before)
                    history = history[len(before) :]
                if self._state.head == position:
                    self._compare_snapshot(position, state)
            merge(self._state, history)
        except Exception as error:  # whatever somebody wrote into one project's log, the others are looked at
            self._folds = False
            self._note("fold", f"the log cannot be folded beyond position {self._state.head}: {error!r}")

    def _compare_snapshot(self, position: int, state: bytes) -> None:
        try:
            differs = snapshots.decode(state) != self._state
        except msgspec.MsgspecError:
            differs = True
        if differs:
            self._note("snapshot", f"the stored snapshot of position {position} differs from the fold")

    async def _compare_told(self, history: Sequence[e.Recorded], until: int) -> None:
        for name, stream in self._reading.of_each_event.items():
            rows = await stream.until(self._project_id, until)
            made = expected.OF_EACH_EVENT[name]
            self._compare(name, {key: row for _, _, key, row in rows}, dict(row for v in history for row in made(v)))

    async def _compare_state(self) -> None:
        for name, stream in self._reading.of_the_state.items():
            rows = await stream.all(self._project_id)
            shall = expected.as_json(expected.OF_THE_STATE[name](self._state))
            self._compare(name, {key: row for _, key, row in rows}, shall)

    def _compare(self, name: str, held: dict[str, str], shall: expected.Rows) -> None:
        if self._undecoded or not self._folds:
            return
        differing = [key for key, row in held.items() if key not in shall or msgspec.json.decode(row) != shall[key]]
        differing += shall.keys() - held.keys()
        self._differing.setdefault(name, []).extend(differing)

    def _conclude(self) -> None:
        if self._undecoded:
            self._note("decodes", _first(self._undecoded))
        for name, keys in self._differing.items():
            if keys:
                self._note(f"fold {name}", f"{_first(sorted(keys))} differs from the fold")

    def _note(self, check: str, what: str) -> None:
        self._reading.findings.append(Finding(check, self._project_id, what))


def _first(told: Sequence[str]) -> str:
    return told[0] if len(told) == 1 else f"{told[0]} (and {len(told) - 1} more)"
