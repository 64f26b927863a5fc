"""The audit against checkpoints: whether the log still is what was signed, and the checkpoints are what was written.

A later head extends an earlier one where the log has, at the earlier position, an event with the earlier hash, and
its chain holds; the chain is the audit's own part. So this finds what that cannot: a chain that was computed anew, a
log that was cut, a database of long ago.
"""

import asyncio
from collections.abc import Iterable, Sequence

from collabcampus.evidence.checkpoint import Checkpoint, Leaf, Malformed, parse
from collabcampus.evidence.folder import Folder, name_of
from collabcampus.evidence.signing import BadNote, PublicKey, opened
from collabcampus.log.checks import NO_PROJECT, Finding
from collabcampus.log.database import Connection

_DIFFERING = """
    SELECT c.project_id::text, c.position, e.hash IS NULL
    FROM unnest(%s::uuid[], %s::bigint[], %s::bytea[]) AS c(project_id, position, hash)
    LEFT JOIN events AS e ON e.project_id = c.project_id AND e.position = c.position
    WHERE e.hash IS DISTINCT FROM c.hash AND NOT EXISTS (
        SELECT FROM purged AS p WHERE p.project_id = c.project_id AND e.hash IS NULL
            AND (p.position > c.position OR p.position = c.position AND p.hash = c.hash))
    ORDER BY c.project_id
"""
"""What was purged is gone with a receipt; one that another log had is none for this."""


async def against(connection: Connection, folder: Folder, keys: Sequence[PublicKey]) -> list[Finding]:
    """What does not hold, checkpoint by checkpoint; one that is not right itself says nothing about the log."""
    findings: list[Finding] = []
    checked: dict[str, Leaf] = {}
    previous: bytes | None = None
    names = await asyncio.to_thread(folder.names)
    if not names:
        return [Finding("checkpoints", NO_PROJECT, f"there is none in {folder.path}")]
    for nth, name in enumerate(names):
        try:
            checkpoint, leaves = await asyncio.to_thread(_read, folder, name, keys)
        except (Malformed, BadNote) as error:
            findings.append(Finding(f"checkpoint {name}", NO_PROJECT, str(error)))
            previous = None
            continue
        # The first of a folder may follow one that was put elsewhere.
        if nth and previous and checkpoint.previous != previous:
            findings.append(Finding(f"checkpoint {name}", NO_PROJECT, "it does not follow the one before it"))
        previous = checkpoint.digest
        findings += await differing(
            connection, name, [each for each in leaves if checked.get(each.project_id) != each]
        )
        checked.update((each.project_id, each) for each in leaves)
    return findings


def _read(folder: Folder, name: str, keys: Iterable[PublicKey]) -> tuple[Checkpoint, list[Leaf]]:
    """Malformed or BadNote where it is not what was written."""
    checkpoint = parse(opened(folder.note(name), keys))
    if name_of(checkpoint.time) != name:
        raise Malformed("it has another name than its time")
    leaves = folder.leaves(name)
    if not checkpoint.covers(leaves):
        raise Malformed("the list beside it is not what was signed")
    return checkpoint, leaves


async def differing(connection: Connection, name: str, leaves: Sequence[Leaf]) -> list[Finding]:
    """Where the log has not what the leaves of this checkpoint say."""
    values = [each.project_id for each in leaves], [each.position for each in leaves], [each.hash for each in leaves]
    rows = await (await connection.execute(_DIFFERING.encode(), values)).fetchall()
    return [
        Finding(
            f"checkpoint {name}",
            project_id,
            f"position {position} is gone" if gone else f"position {position} has another hash than it had",
        )
        for project_id, position, gone in rows
    ]
