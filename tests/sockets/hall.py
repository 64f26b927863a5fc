"""The socket layer without the product behind it: one room on a real port, in the test's own loop."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Self

import socketio
import uvicorn

from collabcampus.domain import events as e
from collabcampus.live.project import LiveProject
from collabcampus.sockets.connection import Connection
from collabcampus.sockets.engine import EngineSocket
from collabcampus.sockets.frames import Frame, SocketFrames
from collabcampus.sockets.packets import Asked
from collabcampus.sockets.server import Server
from sockets.framed import Framed
from strategies import some_id

PROJECT = some_id("project", 0)
LIMIT = 64 * 1024


class Nowhere:
    """The lane of a project that nobody writes to."""

    def gather(self, *_: object) -> None:
        raise AssertionError("nothing is written here")


class Listening:
    """An ASGI application on a free port, its websockets served by `ws`, its HTTP by `http`."""

    def __init__(self, app: Any, ws: Any, http: Any = "httptools") -> None:
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, http=http, ws=ws, ws_max_size=LIMIT, ws_per_message_deflate=False,
            ws_ping_interval=None, log_config=None, lifespan="off", timeout_graceful_shutdown=2,
        )  # fmt: skip
        self._server = uvicorn.Server(config)

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(self._server._serve())
        while not self._server.started:  # noqa: ASYNC110 - uvicorn offers a flag and no event
            await asyncio.sleep(0.01)
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        await self._serving


class Hall(Listening):
    """One room; whoever sends `join` is in it."""

    connection: Callable[..., Connection] = Connection

    def __init__(self, ws: Any) -> None:
        self.live: LiveProject[Frame] = LiveProject(PROJECT, SocketFrames(), Nowhere())
        self.room = self.live.room
        self.connections: dict[str, Connection] = {}
        self.sockets: dict[str, EngineSocket] = {}
        server = Server(self._connect, lambda connection: None, Connection.gone, origins=(), payload_limit=LIMIT)
        super().__init__(socketio.ASGIApp(server), ws)

    async def _connect(self, socket: EngineSocket, auth: Any) -> Connection:
        name = auth["token"]
        self.sockets[name] = socket
        self.connections[name] = self.connection(socket, name, name, name, lambda *_: False, self._handle, None)
        return self.connections[name]

    async def _handle(self, connection: Connection, asked: Asked) -> None:
        self.room.enter(connection)
        connection.rooms[PROJECT] = self.live
        connection.answer(asked, b'{"ok":true}')

    def say(self, position: int, text: str) -> None:
        """Publish a message at a position."""
        said = e.MessageSent(some_id("message", position), text)
        self.room.publish(e.record(PROJECT, position - 1, "somebody", some_id("command", position), "", [said]))

    async def join(self, name: str, **more: Any) -> Framed:
        """Somebody who is in the room."""
        client = await Framed.open(self.port, **more)
        assert (await client.packet()).startswith("0{")
        client.send("40" + json.dumps({"token": name}))
        assert (await client.packet()).startswith("40{")
        await self.enter(client)
        return client

    async def enter(self, client: Framed) -> None:
        """Join, once more or for the first time."""
        client.send('421["join",{}]')
        while not (await client.packet()).startswith("431"):
            pass
