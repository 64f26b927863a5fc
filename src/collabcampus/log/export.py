"""Export: projects out of the log into a file, as `log/lines.py` has it.

All of it is of one moment, a page in memory at a time. It is written beside the file's name, as `FILE.part`, which
takes that name when it is whole; one that was interrupted goes on behind its last whole event. A project that was
begun goes on up to the head it was begun with; later ones are of the moment at which it went on.
"""

import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

import psycopg
from msgspec import DecodeError, Struct, field

from collabcampus.log import lines
from collabcampus.log.database import Connection, configure

PAGE = 1_000
"""Positions that are read at once."""
PROJECTS_AT_ONCE = 1_000

Progress = Callable[[int], None]
"""Hears how many events were written since it was called last."""

_TYPE = {kind: f'{{"line":"{kind}"'.encode() for kind in ("project", "event", "redaction", "command", "person")}


class NotExported(Exception):
    """It cannot be exported as it was asked; the message says why."""


class Counts(Struct):
    """How much of an export was written, and the SHA-256 of it."""

    people: int = 0
    projects: int = 0
    events: int = 0
    commands: int = 0
    redactions: int = 0
    length: int = 0
    sha256: Any = field(default_factory=hashlib.sha256)

    def count(self, text: bytes) -> None:
        """Add whole lines."""
        self.sha256.update(text)
        self.length += len(text)
        # A quote inside a string is escaped, so that none of its text can look like a line's begin.
        self.people += text.count(_TYPE["person"])
        self.projects += text.count(_TYPE["project"])
        self.events += text.count(_TYPE["event"])
        self.commands += text.count(_TYPE["command"])
        self.redactions += text.count(_TYPE["redaction"])

    @property
    def footer(self) -> lines.Footer:
        """The last line."""
        counted = self.people, self.projects, self.events, self.commands
        return lines.Footer(*counted, self.sha256.digest(), self.redactions)


class _Begun(Struct):
    """What a part holds already: its length in bytes, its last project, and the position to go on from."""

    length: int = 0
    project: lines.Project | None = None
    since: int = 0


async def export(
    conninfo: str,
    file: Path,
    projects: Sequence[str] = (),
    *,
    people: bool = False,
    progress: Progress = lambda _: None,
) -> lines.Footer:
    """Export these projects, or all where none is named, into a file that is not there yet.

    `people`: id, name and address of everybody, or of those who ever were members of these projects. NotExported
    where a project is not there, or the file is.
    """
    if file.exists():
        raise NotExported(f"{file} is there already")
    part = file.with_name(f"{file.name}.part")
    counts, begun = _resumed(part)
    if begun.project and people != bool(counts.people):
        raise NotExported("the part that there is was begun otherwise: remove it to begin anew")
    async with moment(conninfo) as connection:
        with part.open("ab") as out:
            out.truncate(begun.length)

            def write(text: bytes) -> None:
                out.write(text)
                counts.count(text)

            if not begun.length:
                write(lines.encode(lines.Header(lines.VERSION)))
                if people:
                    await _people(connection, projects, write)
            await _projects(connection, sorted(projects), begun, write, progress)
            footer = counts.footer
            out.write(lines.encode(footer))
            _flush(out)
    part.rename(file)
    return footer


@asynccontextmanager
async def moment(conninfo: str) -> AsyncIterator[Connection]:
    """A connection that sees the log as it is now, whatever is appended meanwhile."""
    connection: Connection = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
    async with connection:
        await configure(connection)
        await connection.execute("SET statement_timeout = 0")
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield connection


async def _projects(
    connection: Connection,
    wanted: list[str],
    begun: _Begun,
    write: Callable[[bytes], None],
    progress: Progress,
) -> None:
    if wanted:
        await require(connection, wanted)
    if begun.project:
        await _require_same(connection, begun.project, wanted)
        await _project(connection, begun.project, begun.since, write, progress)
    after = begun.project.project_id if begun.project else None
    while page := await heads(connection, wanted, after):
        for project in page:
            write(lines.encode(project))
            await _project(connection, project, 0, write, progress)
        after = page[-1].project_id


async def _project(
    connection: Connection, project: lines.Project, since: int, write: Callable[[bytes], None], progress: Progress
) -> None:
    while since <= project.position:
        until = min(since + PAGE - 1, project.position)
        rows = await connection.execute("SELECT exported(%s, %s, %s)", (project.project_id, since, until))
        if (row := await rows.fetchone()) and row[0]:
            write(row[0].encode() + b"\n")
        progress(until - max(since, 1) + 1)
        since = until + 1


async def heads(connection: Connection, wanted: list[str], after: str | None) -> list[lines.Project]:
    """A page of these projects, or of all where none is wanted, behind one; empty at the end."""
    rows = await connection.execute(
        """
        SELECT project_id, position, hash FROM heads
        WHERE project_id > coalesce(%s::uuid, '00000000-0000-0000-0000-000000000000') AND position > 0
            AND (%s = '{}'::uuid[] OR project_id = ANY (%s::uuid[]))
        ORDER BY project_id LIMIT %s
        """,
        (after, wanted, wanted, PROJECTS_AT_ONCE),
    )
    return [lines.Project(*row) for row in await rows.fetchall()]


async def require(connection: Connection, wanted: list[str]) -> None:
    """NotExported unless all these projects are there."""
    rows = await connection.execute("SELECT project_id FROM heads WHERE project_id = ANY (%s::uuid[])", (wanted,))
    if missing := set(wanted) - {project_id for (project_id,) in await rows.fetchall()}:
        raise NotExported(f"there is no project {', '.join(sorted(missing))}")


async def _require_same(connection: Connection, begun: lines.Project, wanted: list[str]) -> None:
    """The part that goes on is of this log and of these projects."""
    rows = await connection.execute(
        "SELECT hash FROM events WHERE project_id = %s AND position = %s", (begun.project_id, begun.position)
    )
    if await rows.fetchone() != (begun.hash,) or (wanted and begun.project_id not in wanted):
        raise NotExported("the part that there is was begun otherwise: remove it to begin anew")


async def _people(connection: Connection, projects: Sequence[str], write: Callable[[bytes], None]) -> None:
    """Those with an address: who closed the account is nobody any more."""
    cursor = connection.cursor("people")
    async with cursor:
        await cursor.execute(
            """
            SELECT user_id, name, email FROM accounts
            WHERE email IS NOT NULL AND (%s = '{}'::uuid[] OR user_id::text IN (
                SELECT key FROM events WHERE project_id = ANY (%s::uuid[]) AND type = 'MemberAdded'))
            ORDER BY user_id
            """,
            (list(projects), list(projects)),
        )
        async for row in cursor:
            write(lines.encode(lines.Person(*row)))


def _resumed(part: Path) -> tuple[Counts, _Begun]:
    """What of a part stands: all before its last whole event, which commands may be missing behind."""
    counts, begun, held, last = Counts(), _Begun(), list[bytes](), b""
    for line in _whole_lines(part):
        if line.startswith(_TYPE["project"]):
            held.append(line)
            begun.project, last = _read(line, lines.Project), b""
        elif line.startswith(_TYPE["event"]):
            last = line
        else:
            held.append(line)
            continue
        counts.count(b"".join(held))
        held = [last] if last else []
    if not begun.project:
        return Counts(), _Begun()
    begun.length = counts.length
    begun.since = _read(last, lines.Event).position if last else 0
    return counts, begun


def _read(line: bytes, kind: type[Any]) -> Any:
    try:
        read = lines.decode(line)
    except DecodeError as error:
        raise NotExported(f"the part that there is is no export: {error}") from None
    if not isinstance(read, kind):
        raise NotExported("the part that there is is no export")
    return read


def _whole_lines(part: Path) -> Iterator[bytes]:
    if part.exists():
        with part.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))


def _flush(out: BinaryIO) -> None:
    out.flush()
    os.fsync(out.fileno())
