"""Presence across nodes: each tells the others who is in its rooms, and believes them while they live."""

import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from collabcampus.live.bus import Announcer, Bus
from collabcampus.live.rooms import Room

CHANNEL = "collabcampus_presence"
SILENT_FOR_S = 20.0
"""A node not heard for so long has gone, and with it whoever was there."""
EVERYTHING_EACH = 6
"""At every so manieth tick all is told anew, for hints that were lost."""
PEOPLE_A_HINT = 20
"""Names are short and ids are not: that many stay below the 8,000 bytes of a notification."""

EVERYBODY, NOBODY = ("", "~"), ("", "")
"""Spans of user ids."""

F = TypeVar("F")


class Hint(Struct, frozen=True, omit_defaults=True):
    """What a node says of one room; without a project, only that it lives.

    `span`: of those whose ids are in it, its end excluded, nobody else is there. `believed`: the nodes thought to
    have somebody there.
    """

    node: str
    project: str | None = None
    joined: dict[str, str] = {}
    left: list[str] = []
    span: tuple[str, str] | None = None
    asks: bool = False
    believed: list[str] = []


class Presence(Generic[F]):
    """This node's part: tells what changes here, and lets its rooms know who is elsewhere."""

    def __init__(
        self, bus: Bus, room_of: Callable[[str], Room[F] | None], rooms: Callable[[], Iterable[Room[F]]]
    ) -> None:
        """`room_of` finds a room that somebody here is in; `rooms` are all of them."""
        self._room_of, self._rooms = room_of, rooms
        self._announcer = Announcer(bus, CHANNEL)  # what is lost is told anew at a later tick
        self._node = uuid.uuid4().hex[:12]
        self._heard_at: dict[str, float] = {}
        self._ticks = 0
        bus.subscribe(CHANNEL, self._heard)

    def changed(self, room: Room[Any], joined: dict[str, str], left: list[str]) -> None:
        """People's first sockets here, and last ones gone. Who is the first here asks who is elsewhere."""
        if self._heard_at:  # nobody else is there to be told
            self._tell(Hint(self._node, room.project_id, joined, left, asks=len(room.here) == len(joined) == 1))

    def tick(self) -> None:
        """Say that this node lives, now and then all it knows, and let go of nodes that are silent."""
        self._tell(Hint(self._node))
        self._ticks += 1
        if self._heard_at and self._ticks % EVERYTHING_EACH == 0:
            self._introduce()
        long_ago = time.monotonic() - SILENT_FOR_S
        for node in [each for each, at in self._heard_at.items() if at < long_ago]:
            del self._heard_at[node]
            for room in list(self._rooms()):
                room.elsewhere(node, {})

    def _heard(self, payload: str) -> None:
        hint = msgspec.json.decode(payload, type=Hint)
        if hint.node == self._node:
            return
        is_new = hint.node not in self._heard_at
        self._heard_at[hint.node] = time.monotonic()
        if is_new:
            self._introduce()
        room = self._room_of(hint.project) if hint.project else None
        if room is None:
            if self._node in hint.believed:  # the hint that the last one here had gone was lost
                self._tell(Hint(self._node, hint.project, span=EVERYBODY))
            return
        first, end = hint.span or NOBODY
        people = {key: name for key, name in room.people_on(hint.node).items() if not first <= key < end}
        left = set(hint.left)
        room.elsewhere(hint.node, {key: name for key, name in (people | hint.joined).items() if key not in left})
        if hint.asks:
            self._tell_all(room)

    def _tell_all(self, room: Room[F]) -> None:
        people = sorted(room.here.items())
        starts = range(0, len(people), PEOPLE_A_HINT)
        ends = [EVERYBODY[0], *(people[start][0] for start in starts[1:]), EVERYBODY[1]]
        for nth, start in enumerate(starts):
            some = dict(people[start : start + PEOPLE_A_HINT])
            self._tell(Hint(self._node, room.project_id, some, span=(ends[nth], ends[nth + 1])))

    def _introduce(self) -> None:
        self._tell(Hint(self._node))
        for room in list(self._rooms()):
            self._tell_all(room)
            if believed := room.nodes:
                self._tell(Hint(self._node, room.project_id, believed=believed))

    def _tell(self, hint: Hint) -> None:
        self._announcer.tell(msgspec.json.encode(hint).decode())
