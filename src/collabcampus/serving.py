"""Serving: the web server around the application, and how it leaves.

On SIGTERM it turns unready, takes no new session, answers what it was asked, closes its sockets spread out
(`sockets.draining`) and only then takes no connection any more. Ctrl-C, or a second signal, does not wait for that.
"""

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

import structlog
import uvicorn

from collabcampus.app import Application
from collabcampus.settings import BODY_LIMIT
from collabcampus.sockets.draining import drain
from collabcampus.sockets.handover import Colleagues, MovingProtocol
from collabcampus.sockets.handshake import HandshakeProtocol
from collabcampus.sockets.punctual import PunctualProtocol

DRAIN_S = 5
"""How long requests that are being answered are waited for, once the sockets are closed."""
BACKLOG = 2_048
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
STARTUP_POLL_S = 0.01
COLLECTED_AFTER = (5_000, 20, 100)
"""Allocations, and collections of each younger generation, before the garbage collector looks."""
HANG_UP = (b"connection", b"close")


class _Server(uvicorn.Server):
    """uvicorn's server, that leaves before it stops, and whose sockets are closed before it waits for what is still
    being answered."""

    def __init__(
        self, config: uvicorn.Config, leave: Callable[[], Awaitable[object]], *before_shutdown: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self._leave, self._before_shutdown = leave, before_shutdown
        self._leaving: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Leave first, and stop at once on Ctrl-C or another signal."""
        if sig != signal.SIGINT and self._leaving is None:
            self._leaving = asyncio.get_running_loop().create_task(self._leave_and_stop(sig, frame))
        else:
            super().handle_exit(sig, frame)

    async def _leave_and_stop(self, sig: int, frame: FrameType | None) -> None:
        # Who asks once more goes elsewhere with the next: no connection is cut off as it is used again.
        self.config.encoded_headers.append(HANG_UP)
        self.server_state.default_headers = [*self.server_state.default_headers, HANG_UP]  # else a second from now
        try:
            await self._leave()
        except Exception:
            structlog.get_logger(__name__).exception("leaving_failed")
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: Any = None) -> None:
        for each in self._before_shutdown:
            each()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal, and then go on to clean up: uvicorn's own way raises it again and so ends us first."""
        hang_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
        for each in (*STOP_SIGNALS, *hang_up):
            asyncio.get_running_loop().add_signal_handler(each, self.handle_exit, each, None)
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; OSError where the address is taken, before anything of the server has begun."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise OSError(f"cannot listen on {host} port {port}: {error.strerror}") from None


def address(listening: socket.socket) -> str:
    """Where it listens, as an address to visit."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def serve(application: Application, ready: Callable[[str], None]) -> None:
    """Serve until told to stop by a signal; `ready` is called with the address once it listens.

    OSError where it cannot listen there.
    """
    listening = listen(application.settings.host, application.settings.port)
    application.identity.post.letters.links_to = application.settings.links_to or address(listening)
    server = _server(application, _web(application, PunctualProtocol))
    await _until_stopped(server, [listening], lambda: ready(address(listening)))


async def work(
    application: Application, colleagues: Colleagues, ready: Callable[[], object], leaving: Callable[[], object]
) -> None:
    """Serve what the parent deals out and others hand over, until told to stop by a signal.

    `leaving` is called when no more is taken.
    """
    config = _web(application, MovingProtocol)
    server = _server(application, config, colleagues.close, leaving)

    def protocol(read: bytes) -> MovingProtocol:
        return MovingProtocol(config, server.server_state, server.lifespan.state, colleagues=colleagues, read=read)

    def started() -> None:
        colleagues.open(protocol)
        ready()

    await _until_stopped(server, [], started)


def _server(application: Application, config: uvicorn.Config, *before_shutdown: Callable[[], object]) -> _Server:
    closing = application.followers.close, application.gateway.close_all
    return _Server(config, partial(_leave, application), *before_shutdown, *closing)


async def _leave(application: Application) -> None:
    application.leaving = True
    await drain(application.gateway.server.eio, application.settings.drain_over)


def _spare_the_collector() -> None:
    """What there is by now stays, and what a command makes forms no cycles: look for those rarely.

    As Python has it the collector took an eighth of a busy server's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


async def _until_stopped(server: _Server, sockets: list[socket.socket], ready: Callable[[], None]) -> None:
    serving = asyncio.create_task(server.serve(sockets))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers a flag and no event
        await asyncio.sleep(STARTUP_POLL_S)
    if server.started:
        _spare_the_collector()
        ready()
    await serving


def _web(application: Application, http: Any) -> uvicorn.Config:
    return uvicorn.Config(
        application.asgi(),
        loop="uvloop",
        http=http,
        ws=HandshakeProtocol,
        ws_max_size=BODY_LIMIT,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(application.settings.proxies),
        forwarded_allow_ips=list(application.settings.proxies),
        lifespan="off",
        timeout_graceful_shutdown=DRAIN_S,
    )
