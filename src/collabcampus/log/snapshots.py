"""Stored snapshots: a project's folded state, so that loading need not read its whole history.

A cache: what another version of the fold wrote, or what cannot be read, is as good as absent.
"""

import msgspec
import structlog

from collabcampus.domain.project import FOLD_VERSION, Project
from collabcampus.log.database import Database

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Project)
_logger = structlog.get_logger(__name__)


async def load(database: Database, project_id: str) -> Project | None:
    """The state that was stored last, or None."""
    rows = await database.fetch(
        "SELECT state FROM snapshots WHERE project_id = %s AND fold_version = %s", project_id, FOLD_VERSION
    )
    if not rows:
        return None
    try:
        return _decoder.decode(rows[0][0])
    except msgspec.MsgspecError:
        _logger.warning("snapshot_unreadable", project_id=project_id)
        return None


def encode(project: Project) -> bytes:
    """The state as it is stored."""
    return _encoder.encode(project)


def decode(state: bytes) -> Project:
    """The state that was stored; msgspec.MsgspecError for what is none."""
    return _decoder.decode(state)


async def store(database: Database, project_id: str, position: int, state: bytes, redactions: int = 0) -> None:
    """Keep a state, unless a newer one of this version is there, or words that it holds were taken out of the log:
    `redactions` are those it knows of."""
    await database.write(
        "INSERT INTO snapshots AS old (project_id, position, fold_version, state, redactions) "
        "VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (project_id) DO UPDATE SET position = excluded.position, fold_version = excluded.fold_version, "
        "state = excluded.state, redactions = excluded.redactions "
        "WHERE old.fold_version <> excluded.fold_version OR old.position < excluded.position "
        "RETURNING 1",
        project_id,
        position,
        FOLD_VERSION,
        state,
        redactions,
    )
