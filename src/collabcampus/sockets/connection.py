"""One connected client: who it is, its rooms, its commands in order, and everything it is sent."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from engineio.packet import Packet
from msgspec import Struct

from collabcampus.domain import errors
from collabcampus.live.projects import LiveProject
from collabcampus.sockets import frames
from collabcampus.sockets.engine import EngineSocket

COMMANDS_WAITING = 1_000
"""Commands of one socket that wait their turn; beyond, they are refused at once."""


class Asked(Struct, frozen=True):
    """An event a client sent, and the acknowledgement it wants, if any."""

    event: str
    arguments: list[Any]
    ack_id: int | None


Handle = Callable[["Connection", Asked], Awaitable[None]]


class Connection:
    """A Listener of rooms. All it sends goes through the session's one queue, so nothing overtakes."""

    def __init__(self, socket: EngineSocket, user_id: str, name: str, session_id: str, handle: Handle) -> None:
        self.user_id = user_id
        self.name = name
        self.session_id = session_id
        self.rooms: dict[str, LiveProject[Packet]] = {}
        self._socket = socket
        self._handle = handle
        self._waiting: deque[Asked] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._gone = False

    def send(self, frame: Packet) -> None:
        """Queue a frame, after everything queued before; nothing reaches one who is gone."""
        if not self._gone:
            self._socket.put(frame)

    def emit(self, event: str, payload: dict[str, Any]) -> None:
        """Queue an event for this client alone."""
        self.send(frames.frame(event, payload))

    def answer(self, asked: Asked, answer: dict[str, Any]) -> None:
        """Acknowledge; a refusal nobody asked to hear of comes as `command_rejected`."""
        if asked.ack_id is not None:
            self.send(frames.acknowledgement(asked.ack_id, answer))
        elif not answer["ok"]:
            payload = asked.arguments[0] if asked.arguments else None
            command_id = payload.get("commandId") if isinstance(payload, dict) else None
            known = {"commandId": command_id} if isinstance(command_id, str) and command_id.isascii() else {}
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
        self._expiry = asyncio.get_running_loop().call_later(delay, self._socket.shut_soon, "token expired")

    def left(self, project_id: str, reason: str) -> None:
        """Hear that it is in a room no longer."""
        self.rooms.pop(project_id, None)
        self.emit("project_left", {"projectId": project_id, "reason": reason})

    def close(self) -> None:
        """End the session from this side; the client's own reconnecting asks for its token again."""
        self._socket.shut_soon("closed by the server")

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
        return not (self._gone or self._socket.closed or self._socket.closing)

    async def _work(self) -> None:
        while self._waiting:
            await self._handle(self, self._waiting.popleft())
        self._worker = None
