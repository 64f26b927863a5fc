"""Purging: an archived project goes for good, and a receipt says that its log once had this hash.

It works as the database's owner: the server's role cannot do any of this.
"""

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from collabcampus.log.database import Connection
from collabcampus.log.rebuild import alone
from collabcampus.log.redaction import clear_unfinished, vacuum

RISEN = """
    SELECT p.project_id, format('it was purged at %s and is there', rfc3339(p.purged_at))
    FROM purged AS p WHERE EXISTS (SELECT FROM heads AS h WHERE h.project_id = p.project_id)
        OR EXISTS (SELECT FROM events AS e WHERE e.project_id = p.project_id)
"""
"""For the audit: projects that have a receipt and should have nothing else."""

_HEAD = "SELECT position FROM heads WHERE project_id = %s FOR UPDATE"
_ARCHIVED = "SELECT row -> 'archived' = 'true' FROM project WHERE project_id = %s"
_RECEIPT = """
    SELECT project_id::text, position, encode(hash, 'hex'), events, redacted, rfc3339(first_at), rfc3339(last_at),
           rfc3339(purged_at), by
    FROM purged WHERE project_id = %s
"""


class NotPurged(Exception):
    """The project is as it was; the message says why."""


class Receipt(Struct, frozen=True, rename="camel"):
    """What a project was. `hash` is its head's, in hexadecimal; of its events `redacted` had lost their words."""

    project_id: str
    position: int
    hash: str
    events: int
    redacted: int
    first_at: str
    last_at: str
    purged_at: str
    by: str


async def purge(conninfo: str, project_id: str, file: Path) -> Receipt:
    """Delete all of a project, once its receipt is in the file, which must not be there yet.

    NotPurged where the project is not there or not archived; RebuildRefused while read models are rebuilt. Where the
    answer to the commit is lost, the receipt stays in the file: the project may be gone.
    """
    async with alone(conninfo, wait=False) as connection:
        try:
            async with connection.transaction():
                receipt = await _purged(connection, project_id)
                _write(file, receipt)
        except FileExistsError:
            raise NotPurged(f"{file} is there already") from None
        await vacuum(connection)
    return receipt


async def _purged(connection: Connection, project_id: str) -> Receipt:
    await connection.execute("SELECT pg_advisory_xact_lock(hold_snapshot(%s))", (project_id,))
    if not await (await connection.execute(_HEAD, (project_id,))).fetchone():
        raise NotPurged(f"there is no project {project_id}")
    if await (await connection.execute(_ARCHIVED, (project_id,))).fetchone() != (True,):
        raise NotPurged(f"project {project_id} is in use: archive it first")
    await clear_unfinished(connection)
    await connection.execute("CALL purge(%s)", (project_id,))
    row = await (await connection.execute(_RECEIPT, (project_id,))).fetchone()
    assert row, "it was just written"
    return Receipt(*row)


def _write(file: Path, receipt: Receipt) -> None:
    """On the disk before anything is gone from the database."""
    with file.open("xb") as out:
        try:
            out.write(msgspec.json.format(msgspec.json.encode(receipt)) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        except BaseException:
            file.unlink()
            raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
