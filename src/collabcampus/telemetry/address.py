"""The operator's own address: `/metrics`, `/ready` and `/live` of the whole node, apart from what clients reach."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import structlog
import uvicorn
from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder

LEAVES_WITHIN_S = 1
POLL_S = 0.01
_JSON = "application/json"
_logger = structlog.get_logger(__name__)

Answer = tuple[int, str, bytes]


class Node:
    """What the address tells of: who puts the node together says how to learn it."""

    def __init__(self) -> None:
        self.stage: str | None = "starting"
        """What the node is busy with before it serves, and after; None while it serves."""
        self.scrape: Callable[[], Awaitable[Iterable[Metric]]] = _nothing
        self.why_not: Callable[[], Awaitable[str | None]] = _no_reason

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
        status, kind, body = await self._answer(scope["path"], accept)
        headers = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, path: str, accept: str) -> Answer:
        match path:
            case "/metrics":
                encode, kind = choose_encoder(accept)
                return 200, kind, encode(_Scraped(await self.scrape()))
            case "/ready":
                reason = self.stage or await self.why_not()
                said = {"status": "not ready", "reason": reason} if reason else {"status": "ready"}
                return 503 if reason else 200, _JSON, msgspec.json.encode(said)
            case "/live":
                return 200, _JSON, b'{"status":"live"}'
            case _:
                return 404, _JSON, b'{"status":"not found"}'

    @contextmanager
    def busy(self, stage: str) -> Iterator[None]:
        """While it is at this, it is not ready for that reason."""
        before, self.stage = self.stage, stage
        try:
            yield
        finally:
            self.stage = before


class _Scraped:
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the others' business: this one goes last."""
        yield


@asynccontextmanager
async def open_to_operators(node: Node, listening: socket.socket | None) -> AsyncIterator[Node]:
    """Meanwhile answer there; nowhere where that is None."""
    if listening is None:
        yield node
        return
    config = uvicorn.Config(
        node, log_config=None, access_log=False, server_header=False, lifespan="off", ws="none",
        timeout_graceful_shutdown=LEAVES_WITHIN_S,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listening]))
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers a flag and no event
            await asyncio.sleep(POLL_S)
        _logger.info("metrics_ready", port=listening.getsockname()[1])
        yield node
    finally:
        server.should_exit = True
        await serving


async def _nothing() -> Iterable[Metric]:
    return ()


async def _no_reason() -> str | None:
    return None
