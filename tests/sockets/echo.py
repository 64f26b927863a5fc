"""An echo server on the socket layer alone, as the protocols' own suites want one."""

import asyncio
from collections.abc import Sequence
from typing import Any

import socketio

from collabcampus.sockets.engine import EngineSocket
from collabcampus.sockets.plain import Plain, serving
from collabcampus.sockets.server import Server
from sockets.framed import Framed
from sockets.hall import LIMIT, Listening

INTERVAL_S, TIMEOUT_S, CONNECT_S = 0.3, 0.2, 0.6
SECRET = "a secret of the inside"


class Echo(Plain):
    """Says what it was sent, and what it was connected with."""

    def __init__(self, socket: EngineSocket, namespace: str, auth: Any) -> None:
        super().__init__(socket, namespace, auth)
        if "fail" in auth:
            raise RuntimeError(SECRET)

    def began(self) -> None:
        self.emit("auth", self.auth)

    async def heard(self, event: str, *arguments: Any) -> Sequence[Any] | None:
        if event == "message":
            self.emit("message-back", *arguments)
        elif event == "fail":
            raise RuntimeError(SECRET)
        elif event == "wait":
            await asyncio.sleep(INTERVAL_S)
        return arguments


class Echoing(Listening):
    """The echo server on a free port, its websockets served by `ws`."""

    def __init__(self, ws: Any, **options: Any) -> None:
        times = {"ping_interval": INTERVAL_S, "ping_timeout": TIMEOUT_S, "connect_within": CONNECT_S}
        self.layer: Server[Plain] = serving({"/": Echo, "/custom": Echo}, payload_limit=LIMIT, **{**times, **options})
        self._visitors: list[Framed] = []
        super().__init__(socketio.ASGIApp(self.layer), ws)

    async def visit(self, sid: str | None = None) -> Framed:
        """A websocket to it; with `sid`, as the second transport of that session."""
        self._visitors.append(await Framed.open(self.port, sid=sid))
        return self._visitors[-1]

    def send_away(self) -> None:
        """End all visits."""
        while self._visitors:
            self._visitors.pop().leave()

    @property
    def left_behind(self) -> list[object]:
        """What is kept of clients."""
        layer = self.layer
        return [*layer.eio.sockets, *layer._joining, *layer._elsewhere, *layer._announced]
