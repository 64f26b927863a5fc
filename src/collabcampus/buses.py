"""What rooms on different nodes hear each other by, as the settings have it."""

from collections.abc import Awaitable, Callable

from collabcampus.live import hints
from collabcampus.live.bus import Bus, Heard, Tick


def rooms_bus(
    url: str | None, otherwise: Bus, tick: Tick, heads: Heard, compare: Callable[[list[str]], Awaitable[None]]
) -> Bus:
    """The bus at `url`; the one there is `otherwise`. `heads` hears where projects are, `compare` looks for those
    that are heard of from now on."""
    if url is None:
        return otherwise
    from collabcampus.live.nats_bus import NatsBus  # an extra

    bus = NatsBus(url, tick, compare)
    bus.subscribe(hints.HEADS, heads)
    return bus
