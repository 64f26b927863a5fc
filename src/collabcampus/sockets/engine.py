"""Engine.IO as the protocol says: exact heartbeats by loop timers, a bad packet closes its own connection.

Subclasses of python-engineio (pinned): what it does right is left to it.
"""

import asyncio
from typing import Any

import engineio
from engineio import async_socket, exceptions, packet, payload
from engineio.packet import Packet

UPGRADE_TIMEOUT_S = 10.0


class EngineSocket(async_socket.AsyncSocket):  # type: ignore[misc]
    """One client's Engine.IO session, by polling or websocket."""

    def __init__(self, server: "Engine", sid: str) -> None:
        super().__init__(server, sid)
        self.connected: bool
        self.upgrading: bool
        self.upgraded: bool
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def put(self, pkt: Packet) -> None:
        """Queue a packet for the client, in order; nothing happens on a closed session."""
        if not self.closed and not self.closing:
            self.queue.put_nowait(pkt)

    def shut_soon(self, reason: str) -> None:
        """`shut`, from a callback."""
        task = asyncio.get_running_loop().create_task(self.shut(reason))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def shut(self, reason: str) -> None:
        """End the session now: the disconnect handler runs, a waiting poll or the websocket is released."""
        if self.closed or self.closing:
            return
        if self._timer:
            self._timer.cancel()
        await self.close(wait=False, abort=True, reason=reason)
        self.queue.put_nowait(Packet(packet.CLOSE))
        self.queue.put_nowait(None)
        # Not at once: the base class's request handler still looks the session up after an error.
        asyncio.get_running_loop().call_soon(self.server.sockets.pop, self.sid, None)

    def schedule_ping(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self.server.ping_interval, self._ping)

    def _ping(self) -> None:
        self.put(Packet(packet.PING))
        reason = self.server.reason.PING_TIMEOUT
        self._timer = asyncio.get_running_loop().call_later(self.server.ping_timeout, self.shut_soon, reason)

    async def check_ping_timeout(self) -> bool:
        if self.closed:
            raise exceptions.SocketIsClosedError
        return True

    async def receive(self, pkt: Packet) -> None:
        match pkt.packet_type:
            case packet.PONG:
                self.schedule_ping()
            case packet.MESSAGE:
                await self.server._trigger_event("message", self.sid, pkt.data, run_async=False)
            case packet.CLOSE:
                await self.shut(self.server.reason.CLIENT_DISCONNECT)
            case _:
                raise exceptions.UnknownPacketError

    async def handle_post_request(self, environ: dict[str, Any]) -> None:
        limit = self.server.max_http_buffer_size
        try:
            if int(environ.get("CONTENT_LENGTH") or 0) > limit:
                raise ValueError("too large")
            body = await environ["wsgi.input"].read(limit + 1)
            if not 0 < len(body) <= limit:
                raise ValueError("empty or too large")
            for pkt in payload.Payload(encoded_payload=body.decode()).packets:
                await self.receive(pkt)
        except (ValueError, RecursionError, IndexError, exceptions.EngineIOError) as error:
            await self.shut(self.server.reason.TRANSPORT_ERROR)
            raise exceptions.EngineIOError from error

    async def _websocket_handler(self, ws: Any) -> None:
        if self.connected and not await self._upgrade(ws):
            await ws.close()
            return
        self.connected = self.upgraded = True
        writer = asyncio.ensure_future(self._write(ws))
        reason = self.server.reason.TRANSPORT_CLOSE
        try:
            while not self.closed:
                await self.receive(Packet(encoded_packet=await self._read(ws)))
        except OSError:
            pass  # the client closed
        except (ValueError, RecursionError, IndexError, exceptions.EngineIOError):
            reason = self.server.reason.TRANSPORT_ERROR
        finally:
            await self.shut(reason)
            await writer

    async def _read(self, ws: Any) -> str | bytes:
        data: str | bytes = await ws.wait()
        if len(data) > self.server.max_http_buffer_size:
            raise ValueError("too large")
        return data

    async def _write(self, ws: Any) -> None:
        try:
            while packets := await self.poll():
                for pkt in packets:
                    await ws.send(pkt.encode())
        except (exceptions.QueueEmpty, OSError, RuntimeError):
            pass  # nothing came in time, or the connection is gone
        await ws.close()

    async def _upgrade(self, ws: Any) -> bool:
        """The probe that moves a polling session to this websocket; False when it is not one."""
        if self.upgraded or self.upgrading:
            return False
        self.upgrading = True
        try:
            async with asyncio.timeout(UPGRADE_TIMEOUT_S):
                if await self._read(ws) != "2probe":
                    return False
                await ws.send("3probe")
                self.queue.put_nowait(Packet(packet.NOOP))  # ends the poll that waits
                if await self._read(ws) != "5":
                    return False
            self.upgraded = True
            return True
        except (OSError, ValueError, TimeoutError):
            return False
        finally:
            self.upgrading = False


class Engine(engineio.AsyncServer):  # type: ignore[misc]
    """The Engine.IO server whose sessions are EngineSockets."""

    sid_prefix = ""
    """What every session's id begins with; it names the worker that has the session."""

    async def _handle_connect(self, environ: dict[str, Any], transport: str, jsonp_index: int | None = None) -> Any:
        sid = self.sid_prefix + self.generate_id()
        socket = self.sockets[sid] = EngineSocket(self, sid)
        opening = {
            "sid": sid,
            "upgrades": self._upgrades(sid, transport),
            "pingTimeout": round(self.ping_timeout * 1000),
            "pingInterval": round(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        socket.put(Packet(packet.OPEN, opening))
        await self._trigger_event("connect", sid, environ, run_async=False)
        socket.schedule_ping()
        if transport == "websocket":
            return await socket.handle_get_request(environ)
        socket.connected = True
        return self._ok(await socket.poll(), jsonp_index=jsonp_index)
