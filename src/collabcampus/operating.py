"""The operator's address of a node, put together: of one process, or of a supervisor and its workers."""

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

from prometheus_client import Metric, ProcessCollector

from collabcampus.app import Application, listen
from collabcampus.http.readiness import DRAINING
from collabcampus.measured import measured
from collabcampus.settings import Settings
from collabcampus.telemetry import gathering, traces
from collabcampus.telemetry.address import Node, open_to_operators
from collabcampus.telemetry.gathering import Told
from collabcampus.telemetry.logs import NODE

ALONE = "0"
_SUPERVISOR = ProcessCollector("collabcampus_supervisor", registry=None)
MIGRATING = "the database is being migrated"
DOWN = "it does not answer"


@asynccontextmanager
async def operated(settings: Settings) -> AsyncIterator[Node]:
    """The node as its operator sees it, from before it can serve until it is gone."""
    with nullcontext() if settings.workers > 1 else traces.tracing(NODE, ALONE):
        async with open_to_operators(Node(), _listening(settings)) as node:
            yield node


@asynccontextmanager
async def serving_alone(node: Node, application: Application) -> AsyncIterator[None]:
    """The node is this one process, and serves."""

    async def scrape() -> Iterable[Metric]:
        return gathering.merged([(ALONE, await gathering.tell(application.why_not_ready))])

    async with measured(application):
        node.scrape, node.why_not, node.stage = scrape, application.why_not_ready, None
        try:
            yield
        finally:
            node.stage = DRAINING


@asynccontextmanager
async def serving_by_workers(node: Node, workers: int) -> AsyncIterator[Path]:
    """The node is this process's workers: gives the folder in which each has its socket to tell this one."""
    with tempfile.TemporaryDirectory(prefix="collabcampus-") as folder:
        crew = _Crew({str(each): socket_in(Path(folder), each) for each in range(workers)})
        node.scrape, node.why_not, node.stage = crew.scrape, crew.why_not, None
        try:
            yield Path(folder)
        finally:
            node.stage = DRAINING


def socket_in(folder: Path, worker: int) -> Path:
    """Where a worker tells its metrics."""
    return folder / f"{worker}.sock"


class _Crew:
    """The workers, by name."""

    def __init__(self, sockets: Mapping[str, Path]) -> None:
        self._sockets = sockets

    async def scrape(self) -> Iterable[Metric]:
        return gathering.merged((await self._ask()).items(), _SUPERVISOR.collect())

    async def why_not(self) -> str | None:
        """Why nobody serves: a client of a node with one worker that does is served."""
        asking = {name: asyncio.create_task(gathering.ask(path)) for name, path in self._sockets.items()}
        try:
            for answer in asyncio.as_completed(asking.values()):
                told = await answer
                if told and told.why_not is None:
                    return None  # without waiting for one that hangs
            return "; ".join(f"worker {name}: {_reason(each.result())}" for name, each in asking.items())
        finally:
            for each in asking.values():
                each.cancel()

    async def _ask(self) -> dict[str, Told | None]:
        return dict(zip(self._sockets, await gathering.ask_all(self._sockets.values()), strict=True))


def _reason(told: Told | None) -> str | None:
    return told.why_not if told else DOWN


def _listening(settings: Settings) -> socket.socket | None:
    if settings.metrics_port is None:
        return None
    return listen(settings.metrics_host, settings.metrics_port)
