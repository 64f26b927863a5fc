"""Whether this node can serve, and if not, why."""

import asyncio

from collabcampus.domain.errors import Busy
from collabcampus.live.bus import Bus
from collabcampus.log.database import Database

ANSWERS_WITHIN_S = 1.0
"""Whoever asks waits no longer, and takes no answer for a no too."""
DRAINING = "it is draining: it stops, and others serve"


async def why_not_ready(database: Database, log: Bus, rooms: Bus) -> str | None:
    """In words for an operator; None where it is ready. The two buses may be one."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            ((is_primary,),) = await database.fetch("SELECT NOT pg_is_in_recovery()")
    except (Busy, TimeoutError):
        return "the database does not answer"
    if not is_primary:
        return "the database is a standby"
    deaf = [name for name, bus in (("PostgreSQL", log), ("the bus", rooms)) if not bus.listening.is_set()]
    return f"over {deaf[0]} its own heartbeat does not come back: other nodes are heard late" if deaf else None
