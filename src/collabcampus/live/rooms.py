"""Rooms: who hears a project's events, and who is there.

A room has one door, `publish`: committed events in position order, made into frames once for everybody.
A listener is one socket; presence counts people, not sockets.
"""

from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from collabcampus.domain import events as e

F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)
F_contra = TypeVar("F_contra", contravariant=True)


class Listener(Protocol[F_contra]):
    """One socket in a room. Its methods only queue: they never wait and never fail."""

    user_id: str
    name: str

    def send(self, frame: F_contra) -> None:
        """Queue a frame for this listener, after everything queued before."""

    def left(self, project_id: str, reason: str) -> None:
        """Hear that it is in the room no longer; nothing of the room follows."""


class Frames(Protocol[F_co]):
    """How a room's news are put into frames."""

    def event(self, recorded: e.Recorded) -> F_co:
        """The one frame of a committed event."""

    def presence(self, event: str, project_id: str, user_id: str, name: str, online: list[str]) -> F_co:
        """The frame of `user_joined` or `user_left`."""


class Room(Generic[F]):
    """One project's room."""

    def __init__(self, project_id: str, frames: Frames[F], changed: "Changed[F] | None" = None) -> None:
        """`changed` hears who came and went on this node, by id and name."""
        self.project_id = project_id
        self.here: dict[str, str] = {}
        """The people on this node and their names."""
        self._frames = frames
        self._changed = changed
        self._elsewhere: dict[str, dict[str, str]] = {}
        self._listeners: dict[Listener[F], None] = {}
        self._sockets_of: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._listeners)

    def __contains__(self, listener: Listener[F]) -> bool:
        return listener in self._listeners

    @property
    def online(self) -> list[str]:
        """The ids of the people who are there, on whichever node."""
        return list(dict.fromkeys(key for people in (self.here, *self._elsewhere.values()) for key in people))

    def people_on(self, node: str) -> dict[str, str]:
        """Who is known to be there on another node: names by id."""
        return self._elsewhere.get(node, {})

    def elsewhere(self, node: str, people: dict[str, str]) -> None:
        """Know who is there on another node; who comes or goes so is news."""
        known, before = self.people_on(node), set(self.online)
        self._elsewhere[node] = people
        if not people:
            del self._elsewhere[node]
        after = set(self.online)
        for user_id in people:
            if user_id not in before:
                self._tell_presence("user_joined", user_id, people[user_id])
        for user_id in known:
            if user_id not in after:
                self._tell_presence("user_left", user_id, known[user_id])

    def enter(self, listener: Listener[F]) -> None:
        """From now on the listener hears everything; a person's first socket is news to the others."""
        if listener in self._listeners:
            return
        user_id, name = listener.user_id, listener.name
        count = self._sockets_of.get(user_id, 0)
        self._sockets_of[user_id] = count + 1
        is_news = user_id not in self.online
        if not count:
            self.here[user_id] = name
        if is_news:
            self._tell_presence("user_joined", user_id, name)
        self._listeners[listener] = None
        if not count and self._changed:
            self._changed(self, {user_id: name}, [])

    def leave(self, listener: Listener[F]) -> None:
        """The listener hears nothing more; a person's last socket gone is news to the others."""
        if listener not in self._listeners:
            return
        del self._listeners[listener]
        user_id = listener.user_id
        self._sockets_of[user_id] -= 1
        if self._sockets_of[user_id]:
            return
        del self._sockets_of[user_id], self.here[user_id]
        if not self._listeners:
            self._elsewhere.clear()  # nobody is left to keep it true for
        elif user_id not in self.online:
            self._tell_presence("user_left", user_id, listener.name)
        if self._changed:
            self._changed(self, {}, [user_id])

    def publish(self, committed: Iterable[e.Recorded]) -> None:
        """Send each event's frame to everybody; who is removed by one hears nothing after it."""
        if not self._listeners:
            return
        for recorded in committed:
            self.tell(self._frames.event(recorded))
            if isinstance(recorded.event, e.MemberRemoved):
                self._expel(recorded.event.user_id)

    def tell(self, frame: F, but: Listener[F] | None = None) -> None:
        """Send one frame to everybody, or everybody but one."""
        for listener in self._listeners:
            if listener is not but:
                listener.send(frame)

    def _tell_presence(self, event: str, user_id: str, name: str) -> None:
        if self._listeners:
            self.tell(self._frames.presence(event, self.project_id, user_id, name, self.online))

    def _expel(self, user_id: str) -> None:
        for listener in [each for each in self._listeners if each.user_id == user_id]:
            self.leave(listener)
            listener.left(self.project_id, "removed")


Changed = Callable[[Room[F], dict[str, str], list[str]], None]
