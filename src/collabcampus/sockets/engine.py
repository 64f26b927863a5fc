"""Engine.IO as the protocol says: exact heartbeats, a bad packet closes its own connection, an idle one costs little.

Subclasses of python-engineio (pinned): how a request is refused or let in is left to it. A websocket served by our
own protocol (`wire`) is taken over from ASGI; any other works too, by a task.
"""

import asyncio
import base64
from collections.abc import Callable
from contextlib import suppress
from time import monotonic_ns
from typing import Any

import engineio
from engineio import exceptions
from engineio.packet import Packet

from collabcampus.live.pace import Bucket
from collabcampus.sockets import frames, requests
from collabcampus.sockets.deadlines import Deadlines
from collabcampus.sockets.handshake import EXTENSION, HandshakeProtocol
from collabcampus.sockets.limits import OTHERS_A_SECOND, OTHERS_AT_ONCE, Counts, address_of
from collabcampus.sockets.outbox import Outbox
from collabcampus.sockets.turns import turns_of
from collabcampus.sockets.wire import CLOSE_WITHIN_S, NORMAL, PROTOCOL_ERROR, TOO_BIG, TOO_OFTEN, Wire, short

UPGRADE_TIMEOUT_S = 10.0

_PING, _PROBED = frames.of_packet(b"2"), frames.of_packet(b"3probe")
_NOOP, _CLOSE = b"6", b"1"


class EngineSocket:
    """One client's Engine.IO session, by polling or websocket."""

    __slots__ = (
        "_others", "address", "carrier", "closed", "connected", "farewell", "outbox", "peer", "server", "sid",
        "upgraded", "upgrading",
    )  # fmt: skip

    def __init__(self, server: "Engine", sid: str, address: str) -> None:
        """`peer` is for whoever uses the session, `farewell` what a poll is answered that waits when it ends."""
        self.server, self.sid, self.address = server, sid, address
        self._others = Bucket(OTHERS_A_SECOND, OTHERS_AT_ONCE)
        self.outbox = Outbox(self._overflow)
        self.carrier: Wire | _Ordinary | None = None
        self.connected = self.upgrading = self.upgraded = self.closed = False
        self.farewell = _CLOSE
        self.peer: Any = None

    @property
    def wire(self) -> Wire | None:
        """The wire it is carried by, if it is."""
        return self.carrier if isinstance(self.carrier, Wire) else None

    async def send(self, pkt: Packet) -> None:
        """Send a packet of python-engineio's."""
        encoded = pkt.encode()
        if isinstance(encoded, bytes):
            self.outbox.send(frames.of_binary(encoded))
        else:
            self.outbox.send(frames.of_packet(encoded.encode()))

    def received(self, message: str | bytes) -> None:
        """Take a packet; a bad one ends the session."""
        try:
            self.take(message)
        except exceptions.UnknownPacketError:
            self.shut("no packet of Engine.IO that a client sends", PROTOCOL_ERROR)

    def take(self, message: str | bytes) -> None:
        """Take a packet; UnknownPacketError where it is none a client sends."""
        if self.closed:
            return
        if isinstance(message, bytes):
            self.server.on_message(self, message)
            return
        match message[:1]:
            case "4":
                self.server.on_message(self, message[1:])
            case "3":
                if self.bears():
                    self.server.alive(self)
            case "1":
                self.farewell = _NOOP  # who said goodbye need not be told so
                self.shut(self.server.reason.CLIENT_DISCONNECT)
            case _:
                raise exceptions.UnknownPacketError

    def bears(self) -> bool:
        """Count a packet that is no event; where there are too many the session ends, and it is False."""
        if self._others.take(monotonic_ns()):
            self.shut("it floods", TOO_OFTEN)
        return not self.closed

    def drained(self) -> None:
        """Hear from the wire that what was written has left."""
        self.outbox.drained()

    def lost(self) -> None:
        """Hear from the wire that it is gone."""
        self.carrier = None
        self.shut(self.server.reason.TRANSPORT_CLOSE)

    def shut(self, reason: str, code: int = NORMAL) -> None:
        """End the session now: whoever uses it hears so, a waiting poll or the websocket is released.

        The close frame of a websocket says the code and the reason.
        """
        if self.closed:
            return
        self.closed = True
        self.server.ended(self, reason)
        self.outbox.close()
        if self.carrier:
            self.carrier.close(code, reason)
        # Not at once: the base class's request handler still looks the session up after an error.
        asyncio.get_running_loop().call_soon(self.server.sockets.pop, self.sid, None)

    async def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        """End the session, as python-engineio asks for it."""
        self.shut(reason or self.server.reason.SERVER_DISCONNECT)

    async def handle_get_request(self, environ: dict[str, Any]) -> Any:
        """A poll, or a websocket: the session's first, or the one it moves to."""
        if environ.get("HTTP_UPGRADE", "").lower() != "websocket":
            return await self.poll()
        offered = environ["asgi.scope"].get("extensions", {}).get(EXTENSION)
        websocket = self.server._async["websocket"](lambda ws: self._serve(ws, offered), self.server)
        return await websocket(environ)

    async def poll(self) -> list[bytes]:
        """What a poll is answered: everything that waits, or comes first. Two polls at once end the session."""
        if self.upgrading:
            return [_NOOP]
        if self.outbox.awaited:
            self.shut(self.server.reason.TRANSPORT_ERROR)
            raise exceptions.EngineIOError
        await self.outbox.filled()
        packets = self.outbox.take()
        return [*packets, self.farewell] if self.closed else packets or [_NOOP]

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        """Take the packets of a POST."""
        try:
            body = await requests.body_of(environ, self.server.max_http_buffer_size)
            packets = requests.packets_in(body.decode())
            await turns_of(asyncio.get_running_loop()).through(map(self.take, packets))  # it may hold thousands
        except (ValueError, exceptions.EngineIOError) as error:
            self.shut(self.server.reason.TRANSPORT_ERROR)
            # Also where it ended while the body came: the base class has an answer only for a session it finds.
            self.server.sockets[self.sid] = self
            raise exceptions.EngineIOError from error

    def move_to(self, wire: Wire) -> None:
        """Be carried by this wire from now on."""
        self.carrier = wire
        self.connected = self.upgraded = True
        self.outbox.move_to(wire)

    async def _serve(self, ws: Any, offered: HandshakeProtocol | None) -> None:
        if self.closed or (self.connected and (self.upgraded or self.upgrading)):
            await ws.close()
        elif offered is None or not self._attach(offered):
            await _Ordinary(self, ws).serve()

    def _attach(self, offered: HandshakeProtocol) -> bool:
        if self.connected:
            return Probe(self).attach(offered)
        wire = offered.attach(self, self.server.max_http_buffer_size)
        if wire:
            self.move_to(wire)
        return wire is not None

    def _overflow(self) -> None:
        self.shut("it reads nothing", TOO_OFTEN)


class Probe:
    """A websocket a polling session may move to, until it does."""

    def __init__(self, socket: EngineSocket) -> None:
        self._socket = socket
        self._wire: Wire | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._probing = False

    def attach(self, offered: HandshakeProtocol) -> bool:
        """Take the websocket over, if it can be."""
        self._wire = offered.attach(self, self._socket.server.max_http_buffer_size)
        if self._wire:
            self._timer = asyncio.get_running_loop().call_later(UPGRADE_TIMEOUT_S, self._wire.close)
        return self._wire is not None

    def received(self, message: str | bytes) -> None:
        """The probe, and then the upgrade; anything else ends this websocket and leaves the session as it was."""
        socket, wire = self._socket, self._wire
        assert wire
        if message == "2probe" and not (socket.upgrading or socket.upgraded or socket.closed):
            socket.upgrading = self._probing = True
            wire.write(_PROBED.wire)
            socket.outbox.release()  # the poll that waits
        elif message == "5" and self._probing and not socket.closed:
            self._finish()
            wire.hand_to(socket)
            socket.move_to(wire)
        else:
            wire.close()

    def drained(self) -> None:
        """Nothing is written here that could stall."""

    def lost(self) -> None:
        """Hear that the websocket is gone."""
        self._finish()

    def _finish(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._probing:
            self._socket.upgrading = False


class _Ordinary:
    """A websocket of an ASGI server that offers no wire."""

    def __init__(self, socket: EngineSocket, ws: Any) -> None:
        self._socket, self._ws = socket, ws
        self._writer: asyncio.Task[Any] | None = None
        self._farewell: dict[str, Any] = {}

    def close(self, code: int, reason: str) -> None:
        """Let what waits leave, but wait no longer for a client that reads nothing."""
        self._farewell = {"code": code, "reason": short(reason)}
        if self._writer:
            asyncio.get_running_loop().call_later(CLOSE_WITHIN_S, self._writer.cancel)

    async def serve(self) -> None:
        """Serve it to its end."""
        socket, ws = self._socket, self._ws
        if socket.connected and not await self._upgrade():
            await ws.close()
            return
        socket.connected = socket.upgraded = True
        socket.carrier = self
        self._writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read())
        try:
            await asyncio.wait([self._writer])
        finally:
            self._writer.cancel()
            reader.cancel()
            socket.shut(socket.server.reason.TRANSPORT_CLOSE)

    async def _write(self) -> None:
        try:
            while not self._socket.closed:
                await self._socket.outbox.filled()
                await self._write_what_waits()
            await self._ws.asgi_send({"type": "websocket.close", **self._farewell})
        except (OSError, RuntimeError):
            pass  # the connection is gone

    async def _write_what_waits(self) -> None:
        while packets := self._socket.outbox.take_one():
            for packet in packets:
                binary = packet[:1] == b"b"
                await self._ws.send(base64.b64decode(packet[1:]) if binary else packet.decode())

    async def _read(self) -> None:
        socket = self._socket
        try:
            while not socket.closed:
                socket.received(await self._next())
        except OSError:
            pass  # the client closed
        except ValueError as error:
            socket.shut(str(error), TOO_BIG)
        socket.shut(socket.server.reason.TRANSPORT_CLOSE)

    async def _next(self) -> str | bytes:
        message: str | bytes = await self._ws.wait()
        if len(message) > self._socket.server.max_http_buffer_size:
            raise ValueError(f"a packet has at most {self._socket.server.max_http_buffer_size} bytes")
        return message

    async def _upgrade(self) -> bool:
        """The probe that moves a polling session to this websocket; False when it is not one."""
        socket = self._socket
        socket.upgrading = True
        try:
            async with asyncio.timeout(UPGRADE_TIMEOUT_S):
                if await self._next() != "2probe":
                    return False
                await self._ws.send("3probe")
                socket.outbox.release()  # the poll that waits
                return await self._next() == "5"
        except (OSError, ValueError, TimeoutError):
            return False
        finally:
            socket.upgrading = False


class Engine(engineio.AsyncServer):  # type: ignore[misc]
    """The Engine.IO server whose sessions are EngineSockets."""

    sid_prefix = ""
    """What every session's id begins with; it names the worker that has the session."""
    draining = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._async: dict[str, Any] = {
            **self._async,
            "translate_request": requests.translated,
            "make_response": requests.respond,
        }
        self._quiet = Deadlines(self.ping_interval, self._ping)
        self._pinged = Deadlines(self.ping_timeout, self._timed_out)
        self._tasks: set[asyncio.Task[None]] = set()
        self.addresses = Counts(0)
        """How many sessions each address has."""

        self.on_message: Callable[[EngineSocket, str | bytes], None] = self._handle_message
        """Hears each message at once; unless somebody else does, handlers registered as python-engineio has it."""
        self.on_end: Callable[[EngineSocket, str], None] = self._handle_end
        """Hears of each session's end at once, and of the reason."""

    async def handle_request(self, *call: Any) -> Any:
        """Answer a request, unless whoever asked is gone already."""
        with suppress(requests.Gone):
            return await super().handle_request(*call)

    def ended(self, socket: EngineSocket, reason: str) -> None:
        """A session has ended."""
        self.addresses.leave(socket.address)
        self._quiet.stop(socket)
        self._pinged.stop(socket)
        self.on_end(socket, reason)

    def alive(self, socket: EngineSocket) -> None:
        """A client gave a sign of life: the next ping is an interval away."""
        self._pinged.stop(socket)
        self._quiet.start(socket)

    def _ping(self, socket: EngineSocket) -> None:
        if not socket.closed:
            socket.outbox.send(_PING)
            self._pinged.start(socket)

    def _timed_out(self, socket: EngineSocket) -> None:
        socket.shut(self.reason.PING_TIMEOUT)

    def _handle_message(self, socket: EngineSocket, message: str | bytes) -> None:
        self._handle("message", socket.sid, message)

    def _handle_end(self, socket: EngineSocket, reason: str) -> None:
        self._handle("disconnect", socket.sid, reason)

    def _handle(self, event: str, *arguments: Any) -> None:
        if event in self.handlers:
            task = asyncio.get_running_loop().create_task(self._trigger_event(event, *arguments, run_async=False))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _ok(self, packets: Any = None, headers: Any = None, jsonp_index: int | None = None) -> Any:
        answer = super()._ok(None if packets is None else [], headers)
        if packets is None:
            answer["response"] = b"ok"
        else:
            body = requests.BETWEEN.encode().join(packets)
            escaped = body.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            answer["response"] = body if jsonp_index is None else b'___eio[%d]("%b");' % (jsonp_index, escaped)
        return answer

    def _method_not_found(self) -> Any:
        return self._bad_request("Unknown method")

    async def _handle_connect(self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None) -> Any:
        if self.draining:
            return requests.restarting()
        address = address_of(environ)
        if not self.addresses.enter(address):
            return requests.too_many()
        sid = self.sid_prefix + self.generate_id()
        socket = self.sockets[sid] = EngineSocket(self, sid, address)
        opening = {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            "pingTimeout": round(self.ping_timeout * 1000),
            "pingInterval": round(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        socket.outbox.send(frames.of_packet(b"0" + Packet.json.dumps(opening, separators=(",", ":")).encode()))
        await self._trigger_event("connect", sid, environ, run_async=False)
        self.alive(socket)
        if transport == "websocket":
            return await socket.handle_get_request(environ)
        socket.connected = True
        return self._ok(await socket.poll(), jsonp_index=jsonp_index)
