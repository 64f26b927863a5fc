"""The migrator: numbered SQL files once each, and projections anew when their file changed.

Migrations in one transaction under an advisory lock, so processes that start together do it once. A migration
that has landed is never edited: its hash is compared and a difference refused. Projections of a log with events in it
are rebuilt beside those in service, after that transaction.
"""

from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from collabcampus.log.database import Connection, require_fit
from collabcampus.log.projections import MigrationRefused, changed, digest, keep
from collabcampus.log.rebuild import deploying, rebuild_files
from collabcampus.log.sources import sql_files

__all__ = ["Migrated", "MigrationRefused", "migrate"]

ADVISORY_LOCK = 4_200_600_101


@dataclass
class Migrated:
    """What was done: names of migrations and of projections."""

    migrations: list[str] = field(default_factory=list)
    projections: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


async def migrate(conninfo: str, schema: list[Path] | None = None, projections: list[Path] | None = None) -> Migrated:
    """Bring the database to these files' state (ours unless given). MigrationRefused where they do not fit."""
    files = projections or sql_files("projections")
    connection: Connection = await psycopg.AsyncConnection.connect(conninfo)
    async with connection, connection.transaction():
        await require_fit(connection)
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
        await connection.execute("SET LOCAL client_min_messages = warning")
        done = Migrated()
        await _migrate_schema(connection, schema or sql_files("schema"), done)
        later = await _keep_at_once(connection, files, done)
    if later:
        await _keep_online(conninfo, files, done)
    return done


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
                "INSERT INTO migrations (name, sha256) VALUES (%s, %s)", (file.stem, digest(file))
            )
            done.migrations.append(file.stem)
        elif landed[file.stem] != digest(file):
            raise MigrationRefused(f"{file.name} was edited after it had landed: write a new file instead")


async def _keep_at_once(connection: Connection, files: list[Path], done: Migrated) -> bool:
    """Where the log is empty; whether anything is left to be made while others append to it."""
    rows = await (await connection.execute("SELECT name FROM projections ORDER BY name")).fetchall()
    for name in sorted({name for (name,) in rows} - {file.stem for file in files}):
        await connection.execute("CALL drop_projection(%s)", (name,))
        done.dropped.append(name)
    missing = await changed(connection, files)
    if await (await connection.execute("SELECT true FROM heads LIMIT 1")).fetchone():
        return bool(missing)
    for file in missing:
        await keep(connection, file)
        done.projections.append(file.stem)
    return False


async def _keep_online(conninfo: str, files: list[Path], done: Migrated) -> None:
    """Nodes that run go on meanwhile, with what they know; the one that starts waits for the swap."""
    async with deploying(conninfo) as connection:
        missing = await changed(connection, files)
        done.projections += (await rebuild_files(conninfo, missing)).projections
