"""The migrator: numbered SQL files once each, and projections anew when their file changed.

All in one transaction under an advisory lock, so processes that start together do it once. A migration
that has landed is never edited: its hash is compared and a difference refused.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from collabcampus.log.database import Connection, require_fit
from collabcampus.log.sources import sql_files

ADVISORY_LOCK = 4_200_600_101


class MigrationRefused(Exception):
    """The database and these files do not fit together; the message says why."""


@dataclass
class Migrated:
    """What was done: names of migrations and of projections."""

    migrations: list[str] = field(default_factory=list)
    projections: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


async def migrate(conninfo: str, schema: list[Path] | None = None, projections: list[Path] | None = None) -> Migrated:
    """Bring the database to these files' state (ours unless given). MigrationRefused where they do not fit."""
    connection: Connection = await psycopg.AsyncConnection.connect(conninfo)
    async with connection, connection.transaction():
        await require_fit(connection)
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
        await connection.execute("SET LOCAL client_min_messages = warning")
        done = Migrated()
        await _migrate_schema(connection, schema or sql_files("schema"), done)
        await _keep_projections(connection, projections or sql_files("projections"), done)
    return done


async def rebuild(conninfo: str, names: list[str]) -> list[str]:
    """Make these projections (all when none is named) anew from the log; appends wait meanwhile."""
    files = {each.stem: each for each in sql_files("projections")}
    unknown = sorted(set(names) - set(files))
    if unknown:
        raise MigrationRefused(f"there is no projection {', '.join(unknown)}; there are {', '.join(files)}")
    chosen = [files[name] for name in names or files]
    connection: Connection = await psycopg.AsyncConnection.connect(conninfo)
    async with connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
        for file in chosen:
            await _keep(connection, file)
    return [file.stem for file in chosen]


async def _migrate_schema(connection: Connection, files: list[Path], done: Migrated) -> None:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations "
        "(name text PRIMARY KEY, sha256 bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    rows = await (await connection.execute("SELECT name, sha256 FROM migrations")).fetchall()
    landed: dict[str, bytes] = dict(rows)
    newer = sorted(set(landed) - {file.stem for file in files})
    if newer:
        raise MigrationRefused(f"the database is newer than this version: it has {', '.join(newer)}")
    for file in files:
        if file.stem not in landed:
            await connection.execute(file.read_bytes())
            await connection.execute(
                "INSERT INTO migrations (name, sha256) VALUES (%s, %s)", (file.stem, _digest(file))
            )
            done.migrations.append(file.stem)
        elif landed[file.stem] != _digest(file):
            raise MigrationRefused(f"{file.name} was edited after it had landed: write a new file instead")


async def _keep_projections(connection: Connection, files: list[Path], done: Migrated) -> None:
    rows = await (await connection.execute("SELECT name, sha256 FROM projections")).fetchall()
    kept: dict[str, bytes] = dict(rows)
    for name in sorted(set(kept) - {file.stem for file in files}):
        await connection.execute("CALL drop_projection(%s)", (name,))
        done.dropped.append(name)
    for file in files:
        if kept.get(file.stem) != _digest(file):
            await _keep(connection, file)
            done.projections.append(file.stem)


async def _keep(connection: Connection, file: Path) -> None:
    await connection.execute(file.read_bytes())
    result = await connection.execute(
        "UPDATE projections SET sha256 = %s WHERE name = %s", (_digest(file), file.stem)
    )
    if result.rowcount != 1:
        raise MigrationRefused(f"{file.name} does not keep a projection called {file.stem}")


def _digest(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()
