"""What a client lacks that comes back with the position it has."""

from collabcampus.domain import events as e
from collabcampus.live.project import LiveProject
from collabcampus.log import read
from collabcampus.log.database import Database
from collabcampus.sockets.frames import Frame
from collabcampus.sockets.outbox import OUTBOX_LIMIT

RESUME_LIMIT = 5_000
"""Events a resuming client is sent one by one; who lacks more gets the board anew."""
RESUME_BYTES = OUTBOX_LIMIT
"""So many bytes of them at most: they are this client's alone, and its bound counts them."""


async def missed(database: Database, live: LiveProject[Frame], position: int | None) -> list[e.Recorded] | None:
    """The events after a position up to the current head; None where the whole board serves better."""
    if position is None or not live.state.head - RESUME_LIMIT <= position <= live.state.head:
        return None
    found: list[e.Recorded] = []
    while position < live.state.head:
        page = await read.events_after(database, live.project_id, position)
        live.advance(page)
        found += page
        position = page[-1].position
    return found
