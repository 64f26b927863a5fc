"""Who is typing, told to a project's room on every node: never logged, and seldom.

Nothing heals a hint that was lost, but the next one: who goes on typing is announced again a second later.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from collabcampus.live.bus import Announcer, Bus
from collabcampus.live.rooms import Room

CHANNEL = "collabcampus_typing"
AGAIN_AFTER_S = 1.0
"""Somebody's typing in one place is announced at most so often, however often a client says it."""
PLACES_AT_ONCE = 3
"""And somebody's typing in one project in so many places: a client may name as many tasks as it likes."""

F = TypeVar("F")


class Typing(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Somebody types: in the chat, or in a task."""

    project_id: str
    user_id: str
    task_id: str | None = None


class _Hint(Struct, frozen=True):
    node: str
    typing: Typing


class Typists(Generic[F]):
    """This node's part: tells the room here, and the other nodes."""

    def __init__(
        self,
        bus: Bus,
        room_of: Callable[[str], Room[F] | None],
        frame: Callable[[Typing], F],
        again_after_s: float = AGAIN_AFTER_S,
    ) -> None:
        """`room_of` finds a room that somebody here is in."""
        self._room_of, self._frame, self._again_after_s = room_of, frame, again_after_s
        self._announcer = Announcer(bus, CHANNEL)
        self._node = uuid.uuid4().hex[:12]
        self._lately: dict[Typing, float] = {}  # when each was announced, the oldest first
        self._places: Counter[tuple[str, str]] = Counter()  # how many of them are of one person in one project
        bus.subscribe(CHANNEL, self._heard)

    def typed(self, typing: Typing) -> None:
        """Announce that somebody types here, unless that was just done, or in many places."""
        now = time.monotonic()
        self._forget_before(now - self._again_after_s)
        who = typing.project_id, typing.user_id
        if typing not in self._lately and self._places[who] < PLACES_AT_ONCE:
            self._lately[typing] = now
            self._places[who] += 1
            self._tell(typing)
            hint = msgspec.json.encode(_Hint(self._node, typing)).decode()
            self._announcer.tell(hint, typing.project_id)

    def _forget_before(self, then: float) -> None:
        while self._lately and next(iter(self._lately.values())) <= then:
            typing = next(iter(self._lately))
            who = typing.project_id, typing.user_id
            del self._lately[typing]
            self._places[who] -= 1
            if not self._places[who]:
                del self._places[who]

    def _heard(self, payload: str) -> None:
        hint = msgspec.json.decode(payload, type=_Hint)
        if hint.node != self._node:
            self._tell(hint.typing)

    def _tell(self, typing: Typing) -> None:
        """To everybody in the room here but the person's own sockets."""
        if room := self._room_of(typing.project_id):
            room.tell(self._frame(typing), but=typing.user_id)
