"""Socket.IO's connection state recovery, with the log as what remembers.

A client that wishes it (`auth: {token, recovery: true}`) is answered `{sid, pid}`, and behind the payload of each
event of its room comes an offset, `<projectId>:<position>`. Its library comes back with both. One offset cannot speak
for several rooms, so who is in none or in more than one holds NOWHERE. Thus the client holds all there is to know,
and a server that has just started, or another one, recovers it as well.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from msgspec import Struct

from collabcampus.domain import events as e
from collabcampus.domain.decide import require_member
from collabcampus.domain.project import Actor
from collabcampus.live.project import LiveProject
from collabcampus.sockets import frames
from collabcampus.sockets.connection import Connection
from collabcampus.sockets.frames import Frame, SocketFrames
from collabcampus.sockets.outbox import Outbox
from collabcampus.sockets.resuming import RESUME_BYTES

NOWHERE = "-"
"""The offset of who is not in exactly one room, and so has to join by itself."""
RANDOM_BYTES = 12
EVENTS_A_PIECE = 50

_OFFSET = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(0|[1-9][0-9]{0,14})")


def offset(project_id: str, position: int) -> str:
    """What a client holds that has heard everything up to a position, in its one room."""
    return f"{project_id}:{position}"


def parsed(text: Any) -> tuple[str, int] | None:
    """Project and position of an offset; None for anything else."""
    found = _OFFSET.fullmatch(text) if isinstance(text, str) else None
    return (found[1], int(found[2])) if found else None


def new_pid(user_id: str) -> str:
    """A fresh private id. It says whose it is and opens nothing."""
    random = secrets.token_urlsafe(RANDOM_BYTES)
    return f"{random}.{_digest(random, user_id)}"


def left_at(user_id: str, pid: Any, held: Any) -> tuple[str, int] | None:
    """The room somebody comes back to, and the position they have; None for none, and for another's pid."""
    random, _, digest = pid.partition(".") if isinstance(pid, str) else ("", "", "")
    return parsed(held) if digest == _digest(random, user_id) else None


def _digest(random: str, user_id: str) -> str:
    return hashlib.sha256(f"{random}.{user_id}".encode(errors="replace")).hexdigest()[:16]


class Returned(Struct, frozen=True):
    """Somebody who comes back to a room: with the pid they had, and the frames they missed, if any."""

    pid: str
    live: LiveProject[Frame]
    missed: Frame | None


def recovered_from(
    live: LiveProject[Frame], actor: Actor, pid: str, missed: Sequence[e.Recorded] | None
) -> Returned | None:
    """Somebody as they return: not to a room they would have been sent out of meanwhile, nor from too far behind.

    ProjectNotFound for who has no place there.
    """
    require_member(live.state, actor)
    if missed is None or live.state.archived or any(_sends_out(each.event, actor) for each in missed):
        return None
    if not missed:
        return Returned(pid, live, None)
    frame = _within(missed, RESUME_BYTES)
    return Returned(pid, live, frame) if frame else None


def _within(missed: Sequence[e.Recorded], most: int) -> Frame | None:
    """The frames of the events, with their offsets; None beyond so many bytes, of which hardly more are made."""
    pieces, size = [], 0
    for start in range(0, len(missed), EVENTS_A_PIECE):
        pieces.append(_with_offsets(SocketFrames().events(missed[start : start + EVENTS_A_PIECE])))
        size += len(pieces[-1].wire)
        if size > most:
            return None
    return frames.together(pieces)


def _sends_out(event: e.Event, actor: Actor) -> bool:
    match event:
        case e.MemberRemoved(user_id=user_id):
            return user_id == actor.user_id
        case e.ProjectArchived():
            return True
        case _:
            return False


class Recoverable(Connection):
    """A client that is told, beside everything else, where it is."""

    __slots__ = ("_coming_back", "pid")

    def __init__(self, *who: Any, returned: Returned | None) -> None:
        """`who` is as for any connection; `returned`, if the client is recovered."""
        super().__init__(*who)
        self._coming_back = returned
        self.pid = returned.pid if returned else new_pid(self.user_id)
        self.send = partial(_tell, self._socket.outbox, self.rooms)

    def welcome(self, payload: dict[str, Any]) -> None:
        """Greet the client; one that is recovered is in its room again, and hears what it missed and who is there."""
        returned, self._coming_back = self._coming_back, None
        if returned is None:
            self.emit("welcome", payload, NOWHERE)  # its library keeps an offset of long ago otherwise
            return
        self.emit("welcome", payload)
        self.enter(returned.live)
        if returned.missed:
            self.private(returned.missed)
        room = returned.live.room
        self.private(SocketFrames().crowd(room.project_id, [], [], room.online))

    def whereabouts(self) -> tuple[str, ...]:
        """The offset as of now."""
        if len(self.rooms) != 1:
            return (NOWHERE,)
        (live,) = self.rooms.values()
        return (NOWHERE if live.room.muted(self) else offset(live.project_id, live.room.told or live.state.head),)


def _tell(outbox: Outbox, rooms: Mapping[str, Any], frame: Frame) -> None:
    """Send what a room is told, with its offsets to who is in no other."""
    outbox.tell(_with_offsets(frame) if frame.committed and len(rooms) == 1 else frame)


@lru_cache(maxsize=1)
def _with_offsets(frame: Frame) -> Frame:
    """The same events, each with its offset: made once, since a room tells one frame to all before the next."""
    numbered = zip(frame.packets, frame.committed, strict=True)
    return frames.of_packets(tuple(b'%b,"%b"]' % (packet[:-1], _offset_of(each)) for packet, each in numbered))


def _offset_of(recorded: e.Recorded) -> bytes:
    return offset(recorded.project_id, recorded.position).encode()
