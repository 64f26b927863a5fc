"""Socket.IO without the product: a server for peers of any kind, in any namespaces.

class Echo(Plain):
    async def heard(self, event, *arguments):
        self.emit("message-back", *arguments)

app = socketio.ASGIApp(serving({"/": Echo, "/custom": Echo}))
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from socketio.packet import ACK, EVENT

from collabcampus.sockets import attachments
from collabcampus.sockets.engine import EngineSocket
from collabcampus.sockets.packets import MAIN, Asked
from collabcampus.sockets.server import Server

EVENTS_WAITING = 1_000
"""Events of one peer that wait for their answers; one that sends more is closed."""
PAYLOAD_LIMIT = 1_000_000
FAILED = {"ok": False, "error": {"code": "internal_error", "message": "It failed."}}

_logger = logging.getLogger(__name__)


class Plain:
    """A client in a namespace. Its events are heard one after the other; bytes may be anywhere in them."""

    pid: str | None = None

    def __init__(self, socket: EngineSocket, namespace: str, auth: Any) -> None:
        """`auth` is what it connected with."""
        self.namespace, self.auth = namespace, auth
        self._socket = socket
        self._here = True
        self._waiting: asyncio.Queue[Asked] = asyncio.Queue(EVENTS_WAITING)
        self._worker: asyncio.Task[None] | None = None

    def began(self) -> None:
        """The client is connected."""

    async def heard(self, event: str, *arguments: Any) -> Sequence[Any] | None:
        """An event; what is returned acknowledges it, if that was asked for."""

    def ended(self) -> None:
        """The client is gone."""

    def emit(self, event: str, *arguments: Any) -> None:
        """Send an event; nothing reaches one who is gone."""
        self._send(EVENT, [event, *arguments])

    def receive(self, asked: Asked) -> None:
        """Take an event, in its turn."""
        try:
            self._waiting.put_nowait(asked)
        except asyncio.QueueFull:
            self._socket.shut("it sends faster than it is heard")
            return
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    def gone(self) -> None:
        """Stop: the client is gone. An event being heard is heard to its end."""
        self._here = False
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self.ended()

    def depart(self, reason: str, code: int) -> None:
        """End the session."""
        self._socket.shut(reason, code)

    def fell_behind(self) -> None:
        """Nothing is told to rooms here."""

    def caught_up(self) -> None:
        """Nothing was missed."""

    async def _work(self) -> None:
        while not self._waiting.empty():
            asked = self._waiting.get_nowait()
            try:
                await self._answer(asked)
            except Exception:
                _logger.exception("an event could not be heard")
                self._acknowledge(asked, (FAILED,))
        self._worker = None

    async def _answer(self, asked: Asked) -> None:
        answer = await self.heard(asked.event, *attachments.values(asked))
        self._acknowledge(asked, answer or ())

    def _acknowledge(self, asked: Asked, answer: Sequence[Any]) -> None:
        if asked.ack_id is not None:
            self._send(ACK, answer, asked.ack_id)

    def _send(self, kind: int, data: Sequence[Any], ack_id: int | None = None) -> None:
        if self._here:
            self._socket.outbox.send(attachments.encoded(kind, self.namespace, data, ack_id))


def serving(
    peers: Mapping[str, type[Plain]],
    *,
    origins: tuple[str, ...] = (),
    payload_limit: int = PAYLOAD_LIMIT,
    **options: Any,
) -> Server[Plain]:
    """A server whose clients in a namespace are those peers; the main one must be among them.

    Further options, attachments allowed and times among them, are those of Server.
    """
    connects = {namespace: _connecting(peer, namespace) for namespace, peer in peers.items()}
    options = {"attachments": attachments.MOST, **options}
    return Server(
        connects.pop(MAIN),
        lambda peer: peer.began(),
        lambda peer: peer.gone(),
        origins=origins,
        payload_limit=payload_limit,
        elsewhere=connects,
        **options,
    )


def _connecting(peer: type[Plain], namespace: str) -> Callable[[EngineSocket, Any], Awaitable[Plain]]:
    async def connect(socket: EngineSocket, auth: Any) -> Plain:
        return peer(socket, namespace, {} if auth is None else auth)

    return connect
