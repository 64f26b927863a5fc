"""The handshake before a wire: uvicorn takes `HandshakeProtocol` for its `ws`.

It shakes hands through ordinary ASGI and puts itself into the scope's extensions; who takes the connection over from
there gets a `Wire`, and all the handshake needed is dropped.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from collabcampus.sockets.wire import Session, Wire

EXTENSION = "collabcampus.wire"


class _Released(asyncio.Transport):
    """What the handshake's protocol is left with: uvicorn ends it with the ASGI call, the connection goes on."""

    def close(self) -> None: ...

    def is_closing(self) -> bool:
        return True


class HandshakeProtocol(WebSocketsSansIOProtocol):
    """uvicorn's websocket, which may be taken over once it was accepted."""

    _early = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and break the cycle of the HTTP protocol before: it would wait for the garbage collector."""
        super().connection_made(transport)
        http = cast("asyncio.Transport", transport).get_protocol()
        if hasattr(http, "parser"):
            http.parser = None

    def data_received(self, data: bytes) -> None:
        """Take bytes, and remember whether frames are among them."""
        self._early = self.handshake_initiated
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        """Offer the connection to the application."""
        super().handle_connect(event)
        if not self.close_sent:
            cast("dict[str, Any]", self.scope["extensions"])[EXTENSION] = self

    def attach(self, session: Session, limit: int) -> Wire | None:
        """Take the accepted connection over; None where it has to stay with ASGI. `limit` is in bytes of a message.

        That is so if the client sent frames before it was accepted, or negotiated an extension.
        """
        if self._early or self.close_sent or self.disconnected or self.conn.extensions:
            return None
        self.stop_keepalive()
        self.connections.discard(self)
        limit = min(limit, self.config.ws_max_size)
        wire = Wire(self.transport, session, self.connections, limit, self.loop)
        wire.paused = not self.writable.is_set()
        self.transport.set_protocol(wire)
        self.transport = _Released()
        self.conn.parser.close()  # these two lines break cycles
        cast("dict[str, Any]", self.scope["extensions"]).clear()
        return wire
