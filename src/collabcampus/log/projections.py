"""Projection files: which there are, which of them a database keeps as they are now, and keeping one."""

import hashlib
from pathlib import Path

from collabcampus.log.database import Connection


class MigrationRefused(Exception):
    """The database and these files do not fit together; the message says why."""


async def changed(connection: Connection, files: list[Path]) -> list[Path]:
    """Those that are new, or other than what the database keeps."""
    rows = await (await connection.execute("SELECT name, sha256 FROM projections")).fetchall()
    kept: dict[str, bytes] = dict(rows)
    return [file for file in files if kept.get(file.stem) != digest(file)]


async def keep(connection: Connection, file: Path) -> None:
    """Make it anew in the caller's transaction, while appends wait: for an empty log, and what is a view alone."""
    await connection.execute(file.read_bytes())
    result = await connection.execute("UPDATE projections SET sha256 = %s WHERE name = %s", (digest(file), file.stem))
    if result.rowcount != 1:
        raise MigrationRefused(f"{file.name} does not keep a projection called {file.stem}")


def digest(file: Path) -> bytes:
    """What a landed file is recognised by."""
    return hashlib.sha256(file.read_bytes()).digest()
