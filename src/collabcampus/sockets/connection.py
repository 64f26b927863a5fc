"""One connected client: who it is, its rooms, its commands in order, and everything it is sent."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from collabcampus.domain import errors
from collabcampus.live.projects import LiveProject
from collabcampus.sockets import frames
from collabcampus.sockets.engine import EngineSocket
from collabcampus.sockets.frames import Frame
from collabcampus.sockets.packets import Asked

COMMANDS_WAITING = 1_000
"""Commands of one socket that wait their turn; beyond, they are refused at once."""


Handle = Callable[["Connection", Asked], Awaitable[None]]


class Connection:
    """A Listener of rooms. All it sends goes through the session's one outbox, so nothing overtakes."""

    def __init__(self, socket: EngineSocket, user_id: str, name: str, session_id: str, handle: Handle) -> None:
        self.user_id = user_id
        self.name = name
        self.session_id = session_id
        self.rooms: dict[str, LiveProject[Frame]] = {}
        self._socket = socket
        self._handle = handle
        self.send = socket.outbox.tell
        """Send what a whole room is told."""
        self._missed: dict[str, int] = {}
        self._waiting: deque[Asked] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._gone = False

    def private(self, frame: Frame) -> None:
        """Send what is for this client alone; nothing reaches one who is gone."""
        if not self._gone:
            self._socket.outbox.send(frame)

    def emit(self, event: str, payload: dict[str, Any]) -> None:
        """Send an event to this client alone."""
        self.private(frames.frame(event, payload))

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

    def answer(self, asked: Asked, answer: dict[str, Any]) -> None:
        """Acknowledge; a refusal nobody asked to hear of comes as `command_rejected`."""
        if asked.ack_id is not None:
            self.private(frames.acknowledgement(asked.ack_id, answer))
        elif not answer["ok"]:
            command_id = _command_id(asked)
            known = {"commandId": command_id} if command_id and command_id.isascii() else {}
            self.emit("command_rejected", {"event": asked.event, **known, "error": answer["error"]})

    def refuse(self, asked: Asked, refused: errors.Refused) -> None:
        """Say why a command was declined."""
        self.answer(asked, {"ok": False, "error": refused.as_error()})

    def receive(self, asked: Asked) -> None:
        """Take a command: they are handled one after the other, in the order they came."""
        if len(self._waiting) >= COMMANDS_WAITING:
            self.refuse(asked, errors.Overloaded())
            return
        self._waiting.append(asked)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    def expire_at(self, seconds_from_now: float) -> None:
        """End the session when its token ends, unless renewed before: the client comes back with a fresh one."""
        if self._expiry:
            self._expiry.cancel()
        delay = max(0.0, seconds_from_now)
        self._expiry = asyncio.get_running_loop().call_later(delay, self._socket.shut, "token expired")

    def left(self, project_id: str, reason: str) -> None:
        """Hear that it is in a room no longer."""
        self.rooms.pop(project_id, None)
        self.emit("project_left", {"projectId": project_id, "reason": reason})

    def close(self) -> None:
        """End the session from this side; the client's own reconnecting asks for its token again."""
        self._socket.shut("closed by the server")

    def gone(self) -> None:
        """Leave every room: the client is gone. A command being handled still completes."""
        self._gone = True
        if self._expiry:
            self._expiry.cancel()
        self._waiting.clear()
        for live in self.rooms.values():
            live.room.leave(self)
        self.rooms.clear()

    @property
    def alive(self) -> bool:
        """Whether the client is still there."""
        return not (self._gone or self._socket.closed)

    async def _work(self) -> None:
        while self._waiting:
            await self._handle(self, self._waiting.popleft())
        self._worker = None


class _Identified(msgspec.Struct, rename="camel"):
    command_id: str | None = None


def _command_id(asked: Asked) -> str | None:
    try:
        return msgspec.json.decode(asked.arguments[0], type=_Identified).command_id
    except (IndexError, msgspec.MsgspecError, RecursionError):
        return None
