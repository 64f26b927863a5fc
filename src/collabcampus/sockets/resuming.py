"""What a client lacks that comes back with the position it has."""

from collabcampus.domain import events as e
from collabcampus.live.project import LiveProject
from collabcampus.log import read
from collabcampus.log.database import Database
from collabcampus.sockets.frames import Frame
from collabcampus.sockets.outbox import OUTBOX_LIMIT

RESUME_LIMIT = 2_500
"""Events a resuming client is sent one by one, about as many moves as fit; who lacks more gets the board anew."""
RESUME_BYTES = OUTBOX_LIMIT
"""So many bytes of them at most: they are this client's alone, and its bound counts them."""
EVENTS_PER_TOKEN = 10
"""What is missed is read and encoded for one client alone: so many events cost about as much as asking once."""


async def missed(database: Database, live: LiveProject[Frame], position: int | None) -> list[e.Recorded] | None:
    """The events after a position up to the current head; None where the whole board serves better."""
    if position is None or not _within(live, position):
        return None
    found: list[e.Recorded] = []
    while position < live.state.head:
        page = await read.events_after(database, live.project_id, position)
        live.advance(page)
        found += page
        position = page[-1].position
    return found


def cost(live: LiveProject[Frame], position: int) -> int:
    """How often one might ask otherwise for what reading all this costs."""
    return 1 + (live.state.head - position) // EVENTS_PER_TOKEN if _within(live, position) else 1


def _within(live: LiveProject[Frame], position: int) -> bool:
    """Who was there before words were taken out of the log may hold them: only the whole board takes their place."""
    earliest = max(live.state.head - RESUME_LIMIT, live.redactions.head + 1 if live.redactions.count else 0)
    return earliest <= position <= live.state.head
