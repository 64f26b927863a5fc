"""The Socket.IO server: python-socketio with every packet checked, one peer a client and namespace.

What a packet may do is decided here and in `packets`; what an event means, by the peers: `gateway` has the product's,
`plain` some for anything else.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import socketio
from socketio.packet import CONNECT, DISCONNECT

from collabcampus.domain.errors import RateLimited, Refused
from collabcampus.sockets import frames, packets
from collabcampus.sockets.attachments import Announced
from collabcampus.sockets.deadlines import Deadlines
from collabcampus.sockets.engine import Engine, EngineSocket
from collabcampus.sockets.limits import Counts
from collabcampus.sockets.outbox import Client
from collabcampus.sockets.packets import MAIN, Asked, Incoming, Json, Malformed
from collabcampus.sockets.wire import PROTOCOL_ERROR

PING_INTERVAL_S = 25
PING_TIMEOUT_S = 20
CONNECT_WITHIN_S = 4.5
"""A client that has not shown a good token by then is closed: it costs a socket and may ask for nothing."""
TURNED_AWAY_WITHIN_S = 0.5

_logger = logging.getLogger(__name__)
_logger.addFilter(lambda record: record.exc_info is not None)  # clients' mistakes are not errors of ours


class Peer(Client, Protocol):
    """A client in a namespace, as the server sees it."""

    pid: str | None
    """What it is told to come back with, and had come with if it is recovered; None where there is no recovery."""

    def receive(self, asked: Asked) -> None:
        """Take an event."""

    def depart(self, reason: str, code: int) -> None:
        """End the session once all is answered that was asked, with this in the close frame; take nothing more."""

    def gone(self) -> None:
        """Hear that the client has left."""


P = TypeVar("P", bound=Peer)
Connect = Callable[[EngineSocket, Any], Awaitable[P]]


class Server(socketio.AsyncServer, Generic[P]):  # type: ignore[misc]
    """Socket.IO on the main namespace, and on others where there are any."""

    def __init__(
        self,
        connect: Connect[P],
        begin: Callable[[P], None],
        end: Callable[[P], None],
        *,
        origins: tuple[str, ...],
        payload_limit: int,
        elsewhere: Mapping[str, Connect[P]] | None = None,
        attachments: int = 0,
        per_address: int = 0,
        connect_within: float = CONNECT_WITHIN_S,
        ping_interval: float = PING_INTERVAL_S,
        ping_timeout: float = PING_TIMEOUT_S,
    ) -> None:
        """`connect` makes a peer of `auth` or raises a Refused, `begin` greets it, `end` hears it is gone.

        Browsers may come from `origins` and from the server's own; `payload_limit` is in bytes, times in seconds.
        `elsewhere` is what connects in further namespaces; `attachments`, how many an event may have;
        `per_address`, how many sessions an address, 0 for any number.
        """
        self._connects = {**(elsewhere or {}), MAIN: connect}
        self._begin, self._end, self._attachments = begin, end, attachments
        self._joining: dict[tuple[EngineSocket, str], asyncio.Task[None]] = {}
        self._elsewhere: dict[EngineSocket, dict[str, P]] = {}
        self._announced: dict[EngineSocket, Announced] = {}
        self._silent = Deadlines(connect_within, self._shut_if_silent)
        super().__init__(
            async_mode="asgi",
            json=Json,
            logger=_logger,
            engineio_logger=_logger,
            cors_allowed_origins=_origin_check(origins),
            max_http_buffer_size=payload_limit,
            http_compression=False,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            monitor_clients=False,
            namespaces=[MAIN],
        )
        self.eio.on_message = self._heard_in_parts if attachments else self._heard
        self.eio.on_end = self._ended
        self.eio.addresses = Counts(per_address)

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    def _heard(self, socket: EngineSocket, message: str | bytes) -> None:
        try:
            packet = packets.read(message)
            peer: P | None = socket.peer
            if isinstance(packet, Asked) and peer:
                peer.receive(packet)
            else:
                self._take(socket, packet)
        except Malformed as malformed:
            socket.shut(f"malformed packet: {malformed}", PROTOCOL_ERROR)

    def _heard_in_parts(self, socket: EngineSocket, message: str | bytes) -> None:
        """Take a message where some are attachments."""
        begun = self._announced.pop(socket, None)
        if begun is None and message[:1] not in ("5", "6"):
            self._heard(socket, message)
            return
        try:
            self._gather(socket, begun, message)
        except Malformed as malformed:
            socket.shut(f"malformed packet: {malformed}", PROTOCOL_ERROR)

    def _gather(self, socket: EngineSocket, begun: Announced | None, message: str | bytes) -> None:
        if begun is None and isinstance(message, str):
            begun = Announced(message, self._attachments)
            self._peer(socket, begun.namespace)  # nothing is kept for who is not connected
        elif begun and isinstance(message, bytes):
            begun.add(message)
        else:
            raise Malformed("text where an attachment was announced")
        if begun.complete:
            self._take(socket, begun.packet())
        else:
            self._announced[socket] = begun

    def _take(self, socket: EngineSocket, packet: Asked | Incoming) -> None:
        if isinstance(packet, Asked):
            self._peer(socket, MAIN).receive(packet)
        elif isinstance(packet.data, Asked):
            self._peer(socket, packet.namespace).receive(packet.data)
        elif not socket.bears():
            pass
        elif packet.kind == CONNECT:
            self._connecting(socket, packet)
        else:
            self._peer(socket, packet.namespace)
            if packet.kind == DISCONNECT:
                self._forget(socket, packet.namespace)
                if not socket.peer and socket not in self._elsewhere:
                    self._silent.start(socket)

    def _peer(self, socket: EngineSocket, namespace: str) -> P:
        peer: P | None = socket.peer if namespace == MAIN else self._elsewhere.get(socket, {}).get(namespace)
        if peer is None:
            raise Malformed("not connected to this namespace")
        return peer

    def _connecting(self, socket: EngineSocket, packet: Incoming) -> None:
        namespace = packet.namespace
        if namespace not in self._connects:
            _reject(socket, namespace, {"message": "Invalid namespace"})
            return
        connected = socket.peer if namespace == MAIN else namespace in self._elsewhere.get(socket, ())
        if connected or (socket, namespace) in self._joining:
            raise Malformed("connected already")
        welcome = self._welcome(socket, namespace, packet.data)
        self._joining[socket, namespace] = asyncio.get_running_loop().create_task(welcome)

    async def _welcome(self, socket: EngineSocket, namespace: str, auth: Any) -> None:
        try:
            peer = await self._connects[namespace](socket, auth)
        except Refused as refused:
            error = {"message": refused.message, "data": {"code": refused.code, **refused.details}}
            _reject(socket, namespace, error)
            if isinstance(refused, RateLimited):
                self._turn_away(socket)
        except Exception:
            _logger.exception("connecting failed")
            _reject(socket, namespace, {"message": "It failed.", "data": {"code": "internal_error"}})
        else:
            self._connected(socket, namespace, peer)
        finally:
            self._joining.pop((socket, namespace), None)

    def _turn_away(self, socket: EngineSocket) -> None:
        """Close who may not come in; who polls may fetch the reason first."""
        if socket.carrier:
            self._shut_if_silent(socket)
        else:
            asyncio.get_running_loop().call_later(TURNED_AWAY_WITHIN_S, self._shut_if_silent, socket)

    def _connected(self, socket: EngineSocket, namespace: str, peer: P) -> None:
        if socket.closed:
            peer.gone()
            return
        self._silent.stop(socket)
        if namespace == MAIN:
            socket.peer = socket.outbox.client = peer
        else:
            self._elsewhere.setdefault(socket, {})[namespace] = peer
        known = {"pid": peer.pid} if peer.pid else {}
        answer = Json.dumps({"sid": self.eio.generate_id(), **known})
        socket.outbox.send(frames.of_packet(f"40{_prefix(namespace)}{answer}".encode()))
        self._begin(peer)

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        self._silent.start(self.eio.sockets[eio_sid])

    def _shut_if_silent(self, socket: EngineSocket) -> None:
        if not socket.peer and socket not in self._elsewhere:
            socket.shut("not let in in time")

    def _ended(self, socket: EngineSocket, reason: str) -> None:
        self._silent.stop(socket)
        self._announced.pop(socket, None)
        for namespace in (MAIN, *self._elsewhere.get(socket, ())):
            self._forget(socket, namespace)

    def _forget(self, socket: EngineSocket, namespace: str) -> None:
        peer: P | None
        if namespace == MAIN:
            peer, socket.peer, socket.outbox.client = socket.peer, None, None
        else:
            peers = self._elsewhere[socket]
            peer = peers.pop(namespace)
            if not peers:
                del self._elsewhere[socket]
        if peer:
            self._end(peer)


def _prefix(namespace: str) -> str:
    return "" if namespace == MAIN else f"{namespace},"


def _reject(socket: EngineSocket, namespace: str, error: dict[str, Any]) -> None:
    socket.outbox.send(frames.of_packet(f"44{_prefix(namespace)}{Json.dumps(error)}".encode()))


def _origin_check(origins: tuple[str, ...]) -> Callable[[str, dict[str, Any]], bool]:
    def allowed(origin: str, environ: dict[str, Any]) -> bool:
        own = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}"
        return origin in origins or origin == own

    return allowed
