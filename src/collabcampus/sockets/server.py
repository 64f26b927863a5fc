"""The Socket.IO server: python-socketio with every packet checked, one Connection a client.

What a packet may do is decided here and in `packets`; what an event means, in `gateway`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import socketio
from socketio.packet import CONNECT, DISCONNECT

from collabcampus.domain.errors import Refused
from collabcampus.sockets import frames, packets
from collabcampus.sockets.connection import Connection
from collabcampus.sockets.deadlines import Deadlines
from collabcampus.sockets.engine import Engine, EngineSocket
from collabcampus.sockets.packets import MAIN, Asked, Incoming, Json, Malformed

PING_INTERVAL_S = 25
PING_TIMEOUT_S = 20
CONNECT_WITHIN_S = 4.5
"""A client that has not shown a good token by then is closed: it costs a socket and may ask for nothing."""

_logger = logging.getLogger(__name__)
_logger.addFilter(lambda record: record.exc_info is not None)  # clients' mistakes are not errors of ours

Connect = Callable[[EngineSocket, Any], Awaitable[Connection]]
Begin = Callable[[Connection], None]
End = Callable[[Connection], None]


class Server(socketio.AsyncServer):  # type: ignore[misc]
    """Socket.IO on the main namespace."""

    def __init__(
        self, connect: Connect, begin: Begin, end: End, *, origins: tuple[str, ...], payload_limit: int
    ) -> None:
        """`connect` makes a Connection of `auth` or raises a Refused, `begin` greets it, `end` hears it is gone.

        Browsers may come from `origins` and from the server's own; `payload_limit` is in bytes.
        """
        self._connect, self._begin, self._end = connect, begin, end
        self._joining: dict[EngineSocket, asyncio.Task[None]] = {}
        self._silent = Deadlines(CONNECT_WITHIN_S, self._shut_if_silent)
        super().__init__(
            async_mode="asgi",
            json=Json,
            logger=_logger,
            engineio_logger=_logger,
            cors_allowed_origins=_origin_check(origins),
            max_http_buffer_size=payload_limit,
            http_compression=False,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            monitor_clients=False,
            namespaces=[MAIN],
        )
        self.eio.on_message, self.eio.on_end = self._heard, self._ended

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    def _heard(self, socket: EngineSocket, message: str | bytes) -> None:
        try:
            packet = packets.read(message)
            connection: Connection | None = socket.peer
            if isinstance(packet, Asked) and connection:
                connection.receive(packet)
            else:
                self._take(socket, packet)
        except Malformed:
            socket.shut("parse error")

    def _take(self, socket: EngineSocket, packet: Asked | Incoming) -> None:
        if isinstance(packet, Asked):
            raise Malformed("not connected")
        if packet.kind == CONNECT:
            self._connecting(socket, packet)
        elif socket.peer is None or packet.namespace != MAIN:
            raise Malformed("not connected to this namespace")
        elif packet.kind == DISCONNECT:
            self._forget(socket)
            self._silent.start(socket)

    def _connecting(self, socket: EngineSocket, packet: Incoming) -> None:
        if packet.namespace != MAIN:
            _reject(socket, packet.namespace, {"message": "Invalid namespace"})
            return
        if socket.peer or socket in self._joining:
            raise Malformed("connected already")
        self._joining[socket] = asyncio.get_running_loop().create_task(self._welcome(socket, packet.data))

    async def _welcome(self, socket: EngineSocket, auth: Any) -> None:
        try:
            connection = await self._connect(socket, auth)
        except Refused as refused:
            error = {"message": refused.message, "data": {"code": refused.code}}
            _reject(socket, MAIN, error)
        except Exception:
            _logger.exception("connecting failed")
            _reject(socket, MAIN, {"message": "It failed.", "data": {"code": "internal_error"}})
        else:
            self._connected(socket, connection)
        finally:
            self._joining.pop(socket, None)

    def _connected(self, socket: EngineSocket, connection: Connection) -> None:
        if socket.closed:
            connection.gone()
            return
        self._silent.stop(socket)
        socket.peer = socket.outbox.client = connection
        answer = Json.dumps({"sid": self.eio.generate_id()})
        socket.outbox.send(frames.of_packet(f"40{answer}".encode()))
        self._begin(connection)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        self._silent.start(self.eio.sockets[eio_sid])

    def _shut_if_silent(self, socket: EngineSocket) -> None:
        socket.shut("no token in time")

    def _ended(self, socket: EngineSocket, reason: str) -> None:
        self._silent.stop(socket)
        self._forget(socket)

    def _forget(self, socket: EngineSocket) -> None:
        connection: Connection | None = socket.peer
        if connection:
            socket.peer = socket.outbox.client = None
            self._end(connection)


def _reject(socket: EngineSocket, namespace: str, error: dict[str, Any]) -> None:
    where = "" if namespace == MAIN else f"{namespace},"
    socket.outbox.send(frames.of_packet(f"44{where}{Json.dumps(error)}".encode()))


def _origin_check(origins: tuple[str, ...]) -> Callable[[str, dict[str, Any]], bool]:
    def allowed(origin: str, environ: dict[str, Any]) -> bool:
        own = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}"
        return origin in origins or origin == own

    return allowed
