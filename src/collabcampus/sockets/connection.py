"""One connected client: who it is, its rooms, its commands in order, and everything it is sent."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from collabcampus.domain import errors
from collabcampus.domain.project import Actor
from collabcampus.identity.tokens import EVERYTHING
from collabcampus.live.pace import RETRY_AFTER_S
from collabcampus.live.project import LiveProject
from collabcampus.sockets import frames
from collabcampus.sockets.engine import EngineSocket
from collabcampus.sockets.frames import Frame, Opening
from collabcampus.sockets.pacing import Pace
from collabcampus.sockets.packets import Asked
from collabcampus.sockets.payloads import command_id_in

COMMANDS_WAITING = 1_000
"""Events of one socket that wait for their answers; beyond, they are refused at once."""


Handle = Callable[["Connection", Asked], Awaitable[None]]
Offer = Callable[["Connection", Asked], bool]


class Connection:
    """A Listener of rooms. All it sends goes through the session's one outbox, so nothing overtakes."""

    __slots__ = (
        "_departing", "_expiry", "_gone", "_handle", "_missed", "_offer", "_on_their_way", "_pace", "_socket",
        "_waiting", "_worker", "actor", "name", "rooms", "scopes", "send", "session_id", "user_id",
    )  # fmt: skip
    pid: str | None = None
    """What a client that can be recovered comes back with."""

    def __init__(
        self,
        socket: EngineSocket,
        user_id: str,
        name: str,
        session_id: str,
        offer: Offer,
        handle: Handle,
        pace: Pace | None,
    ) -> None:
        """`offer` takes an event at once if it can, `handle` takes any, in its time; `pace` says how fast, None
        as one likes."""
        self.user_id = user_id
        self.actor = Actor(user_id)
        self.name = name
        self.session_id = session_id
        self.scopes = EVERYTHING
        """What its token may do."""
        self.rooms: dict[str, LiveProject[Frame]] = {}
        self._socket = socket
        self._offer, self._handle = offer, handle
        self._pace = pace
        self._on_their_way = 0
        self._departing: tuple[str, int] | None = None
        self.send = socket.outbox.tell
        """Send what a whole room is told."""
        self._missed: dict[str, int] = {}
        self._waiting: deque[Asked] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._gone = False

    @property
    def address(self) -> str:
        """Where its session comes from."""
        return self._socket.address

    def private(self, frame: Frame) -> None:
        """Send what is for this client alone; nothing reaches one who is gone."""
        if not self._gone:
            self._socket.outbox.send(frame)

    def emit(self, event: str, payload: dict[str, Any], *more: str) -> None:
        """Send an event to this client alone."""
        self.private(frames.frame(event, payload, *more))

    def welcome(self, payload: dict[str, Any]) -> None:
        """Greet the client, the first thing after the answer to its CONNECT."""
        self.emit("welcome", payload)

    def enter(self, live: LiveProject[Frame]) -> None:
        """Be in a project's room."""
        live.room.enter(self)
        self.rooms[live.project_id] = live

    def whereabouts(self) -> tuple[str, ...]:
        """What an event that changes this client's rooms says behind its payload."""
        return ()

    def fell_behind(self) -> None:
        """The client reads too slowly: it hears nothing more of its rooms until it joins them again."""
        for project_id, live in self.rooms.items():
            if live.room.mute(self):
                self._missed[project_id] = live.room.told or live.state.head

    def caught_up(self) -> None:
        """The client has read everything it was sent: now it is told what it missed."""
        missed, self._missed = self._missed, {}
        for project_id, position in missed.items():
            live = self.rooms.get(project_id)
            if live and live.room.muted(self):
                self.emit("resync", {"projectId": project_id, "position": position})

    def open(self, opening: Opening, rest_json: bytes) -> None:
        """Send an event of which others are sent the same beginning."""
        if self._socket.outbox.wired:
            self.private(opening.fragment)
            self.private(opening.ending(rest_json, *self.whereabouts()))
        else:
            self.private(opening.whole(rest_json, *self.whereabouts()))

    def answer(self, asked: Asked, answer_json: bytes) -> None:
        """Acknowledge, if that was asked for."""
        if asked.ack_id is not None:
            self.private(frames.acknowledgement_raw(asked.ack_id, answer_json))

    def refuse(self, asked: Asked, refused: errors.Refused) -> None:
        """Say why a command was declined; who asked for no answer hears `command_rejected`."""
        self._reject(asked, refused.as_error())

    def fail(self, asked: Asked) -> None:
        """Say that it is not the client's fault."""
        self._reject(asked, {"code": "internal_error", "message": "It failed."})

    def _reject(self, asked: Asked, error: dict[str, Any]) -> None:
        if asked.ack_id is not None:
            self.private(frames.acknowledgement(asked.ack_id, {"ok": False, "error": error}))
        else:
            rejected = {"event": asked.event, **command_id_in(asked.arguments), "error": error}
            self.emit("command_rejected", rejected)

    def receive(self, asked: Asked) -> None:
        """Take an event. Those of one client are taken up in the order they came; commands need not wait for the
        answers to those before, whatever has to wait lets the rest wait behind it."""
        if self._departing is not None:
            return
        pace = self._pace
        if pace is not None and (wait := pace.take()):
            self._slow_down(asked, pace, wait)
            return
        if self._on_their_way >= COMMANDS_WAITING:
            self.refuse(asked, errors.Overloaded(retryAfter=RETRY_AFTER_S))
            return
        self._on_their_way += 1
        if self._worker is None:
            if self._offer(self, asked):
                return
            self._waiting = deque()
            self._worker = asyncio.create_task(self._work())
        assert self._waiting is not None, "as long as there is a worker"
        self._waiting.append(asked)

    def _slow_down(self, asked: Asked, pace: Pace, wait: int) -> None:
        seconds = pace.refuse(wait)
        if seconds is None:
            self._socket.shut("it floods")
        else:
            self.refuse(asked, errors.RateLimited(retryAfter=seconds))

    def answered(self) -> None:
        """An event that was taken gets its answer now."""
        self._on_their_way -= 1
        if self._departing is not None:
            asyncio.get_running_loop().call_soon(self._depart_if_answered)

    def depart(self, reason: str, code: int) -> None:
        """End the session once all is answered that was taken; what else is asked is not heard, and may be asked
        again elsewhere."""
        self._departing = reason, code
        self._depart_if_answered()

    def _depart_if_answered(self) -> None:
        if not self._on_their_way and self._departing is not None:
            self._socket.shut(*self._departing)

    def expire_at(self, seconds_from_now: float) -> None:
        """End the session when its token ends, unless renewed before: the client comes back with a fresh one."""
        if self._expiry:
            self._expiry.cancel()
        delay = max(0.0, seconds_from_now)
        self._expiry = asyncio.get_running_loop().call_later(delay, self._socket.shut, "token expired")

    def left(self, project_id: str, reason: str) -> None:
        """Hear that it is in a room no longer."""
        self.rooms.pop(project_id, None)
        self.emit("project_left", {"projectId": project_id, "reason": reason}, *self.whereabouts())

    def close(self) -> None:
        """End the session from this side; the client's own reconnecting asks for its token again."""
        self._socket.shut("closed by the server")

    def gone(self) -> None:
        """Leave every room: the client is gone. A command being handled still completes."""
        self._gone = True
        if self._expiry:
            self._expiry.cancel()
        if self._waiting:
            self._waiting.clear()
        for live in self.rooms.values():
            live.room.leave(self)
        self.rooms.clear()

    @property
    def alive(self) -> bool:
        """Whether the client is still there."""
        return not (self._gone or self._socket.closed)

    async def _work(self) -> None:
        try:
            while self._waiting:
                asked = self._waiting.popleft()
                if not self._offer(self, asked):
                    await self._handle(self, asked)
                    self.answered()
        except Exception:
            self._socket.shut("an event could not be answered")  # rather than leave all that follow it waiting
            raise
        self._worker = self._waiting = None
