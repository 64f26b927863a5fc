"""Telling people, wherever they are connected, that something concerns them.

A notice is a hint like every other on the bus: the notification itself is in its read model since the commit, and is
read there by the nodes where the person is.
"""

from collections.abc import Callable, Iterable, Sequence

from collabcampus.domain import events as e
from collabcampus.live.bus import Announcer, Bus

CHANNEL = "collabcampus_people"
BYTES_A_NOTICE = 7_500
"""A notification of PostgreSQL ends at 8,000 bytes."""

Told = Callable[[str, int, list[str]], None]
"""Called with a project, a position, and the people whom the event there concerns."""


class Notices:
    """This node's part."""

    def __init__(self, bus: Bus, told: Told) -> None:
        self._announcer, self._told = Announcer(bus, CHANNEL), told
        bus.subscribe(CHANNEL, self._heard)

    def committed(self, events: Sequence[e.Recorded]) -> None:
        """Announce those among events committed here that concern people."""
        notices = [_notice(each) for each in events if _people(each)]
        for payload in _packed(notices):
            self._announcer.tell(payload)

    def _heard(self, payload: str) -> None:
        for notice in payload.split(";"):
            project_id, position, people = notice.split(":")
            self._told(project_id, int(position), people.split(","))


def _people(recorded: e.Recorded) -> tuple[str, ...]:
    return getattr(recorded.event, "notifies", None) or ()


def _notice(recorded: e.Recorded) -> str:
    return f"{recorded.project_id}:{recorded.position}:{','.join(_people(recorded))}"


def _packed(notices: Iterable[str]) -> Iterable[str]:
    """As few payloads as hold them all."""
    packed = ""
    for notice in notices:
        if packed and len(packed) + len(notice) >= BYTES_A_NOTICE:
            yield packed
            packed = ""
        packed = f"{packed};{notice}" if packed else notice
    if packed:
        yield packed
