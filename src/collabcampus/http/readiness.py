"""Whether this node can serve, and if not, why."""

from collections.abc import Mapping

from collabcampus.domain.errors import Busy
from collabcampus.live.bus import Bus
from collabcampus.log.database import Database


async def why_not_ready(database: Database, buses: Mapping[str, Bus]) -> str | None:
    """In words for an operator; None where it is ready. `buses` by what they go over."""
    try:
        ((is_primary,),) = await database.fetch("SELECT NOT pg_is_in_recovery()")
    except Busy:
        return "the database does not answer"
    if not is_primary:
        return "the database is a standby"
    deaf = [over for over, bus in buses.items() if not bus.listening.is_set()]
    if not deaf:
        return None
    return f"a heartbeat of its own does not come back over {' and '.join(deaf)}: other nodes are heard late"
