"""Who is typing, told to a project's room on every node: never logged, and seldom.

Nothing heals a hint that was lost, but the next one: who goes on typing is announced again a second later.
"""

import time
import uuid
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from collabcampus.live.bus import Announcer, Bus
from collabcampus.live.rooms import Room

CHANNEL = "collabcampus_typing"
AGAIN_AFTER_S = 1.0
"""Somebody's typing in one place is announced at most so often, however often a client says it."""

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
        bus.subscribe(CHANNEL, self._heard)

    def typed(self, typing: Typing) -> None:
        """Announce that somebody types here, unless that was just done."""
        now = time.monotonic()
        while self._lately and now - next(iter(self._lately.values())) >= self._again_after_s:
            del self._lately[next(iter(self._lately))]
        if typing not in self._lately:
            self._lately[typing] = now
            self._tell(typing)
            self._announcer.tell(msgspec.json.encode(_Hint(self._node, typing)).decode())

    def _heard(self, payload: str) -> None:
        hint = msgspec.json.decode(payload, type=_Hint)
        if hint.node != self._node:
            self._tell(hint.typing)

    def _tell(self, typing: Typing) -> None:
        """To everybody in the room here but the person's own sockets."""
        if room := self._room_of(typing.project_id):
            room.tell(self._frame(typing), but=typing.user_id)
