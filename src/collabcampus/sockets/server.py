"""The Socket.IO server: python-socketio with every packet checked, one Connection a client.

What a packet may do is decided here and in `packets`; what an event means, in `gateway`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import socketio
from socketio import packet

from collabcampus.domain.errors import Refused
from collabcampus.sockets import packets
from collabcampus.sockets.connection import Asked, Connection
from collabcampus.sockets.engine import Engine, EngineSocket
from collabcampus.sockets.packets import Incoming, Json, Malformed

PING_INTERVAL_S = 25
PING_TIMEOUT_S = 20
CONNECT_WITHIN_S = 4.5
"""A client that has not shown a good token by then is closed: it costs a socket and may ask for nothing."""
MAIN = "/"

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
        self._connections: dict[str, Connection] = {}
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

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    async def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            await self._take(eio_sid, packets.read(data))
        except Malformed:
            await self._shut(eio_sid)

    async def _take(self, eio_sid: str, incoming: Incoming) -> None:
        connection = self._connections.get(eio_sid)
        if incoming.kind == packet.CONNECT:
            await self._welcome(eio_sid, incoming)
        elif connection is None or incoming.namespace != MAIN:
            raise Malformed("not connected to this namespace")
        elif incoming.kind == packet.EVENT:
            event, *arguments = incoming.data
            connection.receive(Asked(event, arguments, incoming.ack_id))
        elif incoming.kind == packet.DISCONNECT:
            await self._handle_disconnect(eio_sid, MAIN, self.reason.CLIENT_DISCONNECT)
            self._forget(eio_sid)

    async def _welcome(self, eio_sid: str, incoming: Incoming) -> None:
        if incoming.namespace != MAIN:
            await self._reject(eio_sid, incoming.namespace, {"message": "Invalid namespace"})
            return
        if eio_sid in self._connections:
            raise Malformed("connected already")
        try:
            connection = await self._connect(self.eio.sockets[eio_sid], incoming.data)
        except Refused as refused:
            error = {"message": refused.message, "data": {"code": refused.code}}
            await self._reject(eio_sid, MAIN, error)
            return
        if not connection.alive:
            return
        self._connections[eio_sid] = connection
        sid = await self.manager.pre_connect(eio_sid, MAIN)
        await self._send_packet(eio_sid, self.packet_class(packet.CONNECT, {"sid": sid}))
        await self.manager.connect(sid, MAIN)
        self._begin(connection)

    async def _reject(self, eio_sid: str, namespace: str, error: dict[str, Any]) -> None:
        await self._send_packet(eio_sid, self.packet_class(packet.CONNECT_ERROR, error, namespace=namespace))

    async def _shut(self, eio_sid: str) -> None:
        socket: EngineSocket | None = self.eio.sockets.get(eio_sid)
        if socket:
            await socket.shut("parse error")

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        self.environ.pop(eio_sid, None)  # about 26 KiB a client, and nothing of it is needed any more
        asyncio.get_running_loop().call_later(CONNECT_WITHIN_S, self._shut_if_silent, eio_sid)

    def _shut_if_silent(self, eio_sid: str) -> None:
        socket: EngineSocket | None = self.eio.sockets.get(eio_sid)
        if socket and eio_sid not in self._connections:
            socket.shut_soon("no token in time")

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        self._forget(eio_sid)
        await super()._handle_eio_disconnect(eio_sid, reason)

    def _forget(self, eio_sid: str) -> None:
        connection = self._connections.pop(eio_sid, None)
        if connection:
            self._end(connection)


def _origin_check(origins: tuple[str, ...]) -> Callable[[str, dict[str, Any]], bool]:
    def allowed(origin: str, environ: dict[str, Any]) -> bool:
        own = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}"
        return origin in origins or origin == own

    return allowed
