"""Checkpoints are taken on demand, and now and then while the server runs: by one node at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

import structlog
from msgspec import Struct

from collabcampus.domain.errors import Busy
from collabcampus.evidence.against import differing
from collabcampus.evidence.checkpoint import Leaf, Malformed
from collabcampus.evidence.folder import Folder
from collabcampus.evidence.signing import signing_key
from collabcampus.log.database import Connection, Database
from collabcampus.log.verify import Finding
from collabcampus.settings import Settings

LOCK = 4_200_600_122
LOOKS_EACH_S = 10.0
"""How often a node looks whether one is due; what it looks at is the folder alone."""
AFTER_FAILURE_S = 60.0
CANCEL_AGAIN_S = 0.1
NAMED = 10
"""Projects that a warning names."""
_logger = structlog.get_logger(__name__)
_HEADS = "SELECT project_id::text, position, hash FROM heads WHERE position > 0 ORDER BY project_id"


class Evidence(Struct, frozen=True):
    """Where checkpoints are written, and the file of the key that signs them."""

    checkpoints: Path
    key: Path

    @property
    def folder(self) -> Folder:
        """The folder of checkpoints."""
        return Folder(self.checkpoints)


def evidence_of(settings: Settings) -> Evidence | None:
    """Where the settings have it. None where no folder is named for a database that is not of the data folder: many
    databases may be served from one folder, and checkpoints are of one."""
    checkpoints = settings.checkpoints or (None if settings.database_url else settings.data / "checkpoints")
    return Evidence(checkpoints, key_of(settings)) if checkpoints else None


def key_of(settings: Settings) -> Path:
    """The file of the key that signs."""
    return settings.evidence_key or settings.data / "evidence.key"


async def take(connection: Connection, evidence: Evidence, now: str) -> str | None:
    """Write a checkpoint of what is committed, and say its name; None where nothing changed since the newest."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        return await _taken(connection, evidence, now)


@asynccontextmanager
async def keeping(database: Database, settings: Settings, now: Callable[[], str]) -> AsyncIterator[None]:
    """Checkpoints are taken meanwhile, as the settings have it."""
    evidence = evidence_of(settings)
    if not evidence or not settings.checkpoint_each:
        yield
        return
    keeper = asyncio.create_task(_keep_taking(database, evidence, settings.checkpoint_each, now))
    try:
        yield
    finally:
        while not keeper.done():  # Python 3.11 loses a cancellation that comes as a wait is over
            keeper.cancel()
            await asyncio.wait((keeper,), timeout=CANCEL_AGAIN_S)


async def _keep_taking(database: Database, evidence: Evidence, each_s: int, now: Callable[[], str]) -> None:
    """Take one whenever the newest is `each_s` seconds old, for ever; what goes wrong is logged, and tried again."""
    while True:
        pause = min(each_s, LOOKS_EACH_S)
        try:
            due = await asyncio.to_thread(_is_due, evidence, each_s, now())
            if due and await _take_in_turn(database, evidence, each_s, now):
                pause = each_s
        except Busy:
            pass
        except Exception:
            _logger.exception("checkpoint_failed")
            pause = min(each_s, AFTER_FAILURE_S)
        await asyncio.sleep(pause)


async def _take_in_turn(database: Database, evidence: Evidence, each_s: int, now: Callable[[], str]) -> bool:
    """Whether it was our turn: not where another node is at it, or was by now."""
    async with database.connection() as connection, connection.transaction():
        row = await (await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (LOCK,))).fetchone()
        ours = bool(row and row[0]) and _is_due(evidence, each_s, now())
        if ours:
            await _taken(connection, evidence, now())
        return ours


async def _taken(connection: Connection, evidence: Evidence, now: str) -> str | None:
    rows = await (await connection.execute(_HEADS)).fetchall()
    leaves = [Leaf(project_id, position, bytes(hashed)) for project_id, position, hashed in rows]
    await _warn(connection, evidence.folder)
    key = await asyncio.to_thread(signing_key, evidence.key)
    return await asyncio.to_thread(evidence.folder.add, leaves, key, now)


async def _warn(connection: Connection, folder: Folder) -> None:
    """That the log is not what was signed last is known at once, and not when somebody audits."""
    if lost := await lost_since_newest(connection, folder):
        some = [each.project_id for each in lost[:NAMED]]
        _logger.error("log_is_not_what_was_signed", check=lost[0].check, projects=len(lost), some=some)


async def lost_since_newest(connection: Connection, folder: Folder) -> list[Finding]:
    """Where the log has not what the newest checkpoint's list says."""
    for name in (await asyncio.to_thread(folder.names))[-1:]:
        with suppress(Malformed):
            return await differing(connection, name, await asyncio.to_thread(folder.leaves, name))
    return []


def _is_due(evidence: Evidence, each_s: int, now: str) -> bool:
    """By the distance, so that a clock that was set back does not put checkpoints off."""
    newest = evidence.folder.newest()
    return not newest or abs((_moment(now) - _moment(newest.time)).total_seconds()) >= each_s


def _moment(time: str) -> datetime:
    return datetime.fromisoformat(time)
