"""Rooms: who hears a project's events, and who is there.

A room has one door, `publish`: committed events in position order, made into frames once for everybody.
A listener is one socket; presence counts people, not sockets.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from collabcampus.domain import events as e
from collabcampus.telemetry import metrics

CROWD = 100
"""People in a room from which on arrivals and departures are gathered: n joins must not cost n² frames."""
GATHER_S = 0.25
PEOPLE_A_SECOND = 500
"""A gathered frame names everybody: the more there are, the rarer it is."""

F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)
F_contra = TypeVar("F_contra", contravariant=True)


class Listener(Protocol[F_contra]):
    """One socket in a room. Its methods only queue: they never wait and never fail."""

    user_id: str
    name: str

    @property
    def send(self) -> Callable[[F_contra], None]:
        """Sends this listener what the room is told, after everything sent before."""

    def left(self, project_id: str, reason: str) -> None:
        """Hear that it is in the room no longer; nothing of the room follows."""


class Frames(Protocol[F_co]):
    """How a room's news are put into frames."""

    def events(self, committed: Sequence[e.Recorded]) -> F_co:
        """The frames of committed events, each exactly one, in one piece."""

    def presence(self, event: str, project_id: str, user_id: str, name: str, online: Sequence[str]) -> F_co:
        """The frame of `user_joined` or `user_left`."""

    def crowd(self, project_id: str, joined: Sequence[str], left: Sequence[str], online: Sequence[str]) -> F_co:
        """The frame of `presence`: who came and who went since the last one."""

    def head(self, project_id: str, position: int) -> F_co:
        """The frame of `head`: the position of the last event that was told."""


class Neighbours(Protocol[F]):
    """What a room knows of other nodes."""

    def elsewhere(self, project_id: str) -> dict[str, dict[str, str]]:
        """Who is in this project's room there: names by id, by node. Whoever asks may keep and change it."""

    def changed(self, room: "Room[F]", joined: dict[str, str], left: list[str]) -> None:
        """Hear who came and went on this node: names by id, and ids."""


class Room(Generic[F]):
    """One project's room."""

    def __init__(self, project_id: str, frames: Frames[F], neighbours: "Neighbours[F] | None" = None) -> None:
        """`neighbours` are the other nodes, if there may be any."""
        self.project_id = project_id
        self.here: dict[str, str] = {}
        """The people on this node and their names."""
        self.told = 0
        """The position of the last event that was told; 0 where none was yet."""
        self._frames = frames
        self._neighbours = neighbours
        self._elsewhere: dict[str, dict[str, str]] = {}
        self._listeners: dict[Listener[F], None] = {}
        self._sockets_of: dict[str, int] = {}
        self._people: dict[str, None] = {}  # who was there when a crowd was told last
        self._telling: asyncio.TimerHandle | None = None
        self._muted: set[Listener[F]] = set()
        self._sends: list[Callable[[F], None]] | None = None  # those of who hears, made anew when that changes

    def __len__(self) -> int:
        return len(self._listeners)

    def __contains__(self, listener: Listener[F]) -> bool:
        return listener in self._listeners

    @property
    def online(self) -> list[str]:
        """The ids of the people who are there, on whichever node."""
        return list(dict.fromkeys(key for people in (self.here, *self._elsewhere.values()) for key in people))

    def elsewhere(self, node: str, people: dict[str, str]) -> None:
        """Know who is there on another node; who comes or goes so is news."""
        known = self._elsewhere.get(node, {})
        came = [user_id for user_id in people if not self._is_there(user_id)]
        if people:
            self._elsewhere[node] = people
        else:
            self._elsewhere.pop(node, None)
        for user_id in came:
            self._tell_presence("user_joined", user_id, people[user_id])
        for user_id in known:
            if not self._is_there(user_id):
                self._tell_presence("user_left", user_id, known[user_id])

    def enter(self, listener: Listener[F]) -> None:
        """From now on the listener hears everything; a person's first socket is news to the others."""
        self._sends = None
        if listener in self._listeners:
            self._muted.discard(listener)
            return
        if not self._listeners and self._neighbours:
            self._elsewhere = self._neighbours.elsewhere(self.project_id)
        user_id, name = listener.user_id, listener.name
        count = self._sockets_of.get(user_id, 0)
        self._sockets_of[user_id] = count + 1
        is_news = not self._is_there(user_id)
        if not count:
            self.here[user_id] = name
        if is_news:
            self._tell_presence("user_joined", user_id, name)
        self._listeners[listener] = None
        self._sends = None
        if not count and self._neighbours:
            self._neighbours.changed(self, {user_id: name}, [])

    def mute(self, listener: Listener[F]) -> bool:
        """The listener hears nothing until it enters again, and is still there; False where that was so before."""
        if listener not in self._listeners or listener in self._muted:
            return False
        self._muted.add(listener)
        self._sends = None
        return True

    def muted(self, listener: Listener[F]) -> bool:
        """Whether the listener is there and hears nothing."""
        return listener in self._muted

    def leave(self, listener: Listener[F]) -> None:
        """The listener hears nothing more; a person's last socket gone is news to the others."""
        if listener not in self._listeners:
            return
        del self._listeners[listener]
        self._muted.discard(listener)
        self._sends = None
        user_id = listener.user_id
        self._sockets_of[user_id] -= 1
        if self._sockets_of[user_id]:
            return
        del self._sockets_of[user_id], self.here[user_id]
        if not self._listeners:
            self._elsewhere.clear()  # nobody is left to keep it true for
        elif not self._is_there(user_id):
            self._tell_presence("user_left", user_id, listener.name)
        if self._neighbours:
            self._neighbours.changed(self, {}, [user_id])

    def publish(self, committed: Sequence[e.Recorded]) -> None:
        """Send the events' frames to everybody. Who is removed by one hears nothing after it, and nobody does after
        the one that archives the project."""
        self.told = committed[0].position - 1  # for who falls behind by these very events
        start = 0
        for nth, recorded in enumerate(committed, 1):
            match recorded.event:
                case e.MemberRemoved(user_id=removed):
                    self._tell_events(committed[start:nth])
                    self.told = recorded.position
                    reason = "left" if recorded.actor == removed else "removed"
                    self._expel([each for each in self._listeners if each.user_id == removed], reason)
                    start = nth
                case e.ProjectArchived():
                    self._tell_events(committed[start:nth])
                    self.told = recorded.position
                    self._expel(list(self._listeners), "archived")
                    start = nth
        self._tell_events(committed[start:])
        self.told = committed[-1].position

    def _tell_events(self, committed: Sequence[e.Recorded]) -> None:
        if committed and self._listeners:
            self.tell(self._frames.events(committed))
            metrics.frames.inc(len(committed) * len(self._listeners))

    def tell_head(self) -> None:
        """Say how far everybody was told, if anything was: behind the frames of it, so never ahead of them."""
        if self.told and self._listeners:
            self.tell(self._frames.head(self.project_id, self.told))

    def tell(self, frame: F, but: str | None = None) -> None:
        """Send one frame to everybody, or everybody but one person."""
        if but is not None:
            for listener in self._listeners:
                if listener.user_id != but and listener not in self._muted:
                    listener.send(frame)
            return
        if self._sends is None:
            self._sends = [each.send for each in self._listeners if each not in self._muted]
        for send in self._sends:
            send(frame)

    def _is_there(self, user_id: str) -> bool:
        return user_id in self.here or any(user_id in people for people in self._elsewhere.values())

    def _tell_presence(self, event: str, user_id: str, name: str) -> None:
        if self._telling is None and self._listeners:
            people = self.online
            if len(people) > CROWD:
                self._gather(user_id, people, came=event == "user_joined")
            else:
                self.tell(self._frames.presence(event, self.project_id, user_id, name, people))

    def _gather(self, user_id: str, people: list[str], *, came: bool) -> None:
        """From the first arrival or departure on, all are told together a moment later."""
        self._people = dict.fromkeys(people)
        if came:
            self._people.pop(user_id, None)
        else:
            self._people[user_id] = None
        delay = max(GATHER_S, len(people) / PEOPLE_A_SECOND)
        self._telling = asyncio.get_running_loop().call_later(delay, self._tell_crowd)

    def _tell_crowd(self) -> None:
        self._telling = None
        people = dict.fromkeys(self.online)
        joined = [each for each in people if each not in self._people]
        left = [each for each in self._people if each not in people]
        self._people = {}
        if self._listeners and (joined or left):
            self.tell(self._frames.crowd(self.project_id, joined, left, list(people)))

    def _expel(self, listeners: list[Listener[F]], reason: str) -> None:
        for listener in listeners:
            self.leave(listener)
            listener.left(self.project_id, reason)
