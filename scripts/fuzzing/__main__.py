"""Throw packets at the sockets; `scripts/fuzz --help` says how."""

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import structlog
import uvloop
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisWarning
from rich.console import Console
from rich.progress import Progress

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from collabcampus.app import Application, running
from collabcampus.settings import Settings
from collabcampus.sockets.handshake import HandshakeProtocol
from collabcampus.sockets.packets import Malformed, read
from sockets import garbage
from sockets.echo import Echoing
from sockets.hall import Listening
from sockets.thrower import NOT_UTF8, Tally, Thrower

BATCH = (10, 40)
BATCH_MEAN = sum(BATCH) / 2
POLLED_ONE_IN = 20
PATIENT_S = 20
GONE_WITHIN_S = 10
FEWEST_HANDLED = 0.1
SHOWN = 20
WELL_FORMED = 10
"""Well-formed events to two things that may be anything."""
OFFSPRING = 9
"""Packets made of each that Hypothesis makes."""
PASSWORD = "a long enough password"


class Watch(logging.Handler):
    """Everything that nobody handled, and every error that was logged."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._findings = findings

    def emit(self, record: logging.LogRecord) -> None:
        of_uvicorn = (
            record.name == "uvicorn.error" and record.msg == NOT_UTF8
        )  # closed by its own websockets, and said
        if not of_uvicorn and (record.exc_info or record.levelno >= logging.ERROR):
            self._findings.append(f"logged: {record.getMessage()} {record.exc_info}")

    def unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._findings.append(f"unhandled: {context}")

    def logged(self, _: Any, method: str, event: Any) -> Any:
        """A processor of structlog's."""
        if method in {"error", "exception", "critical"}:
            self._findings.append(f"logged: {event}")
        raise structlog.DropEvent


@asynccontextmanager
async def targets(tally: Tally) -> AsyncIterator[tuple[list[Thrower], Any]]:
    """Throwers at the product and at the layer, and what says what either keeps of clients."""
    with tempfile.TemporaryDirectory() as folder, _removing(Path(folder) / "postgres"):
        async with running(
            Settings(data=Path(folder), command_rate=0, sockets_per_user=0, sockets_per_address=0)
        ) as application:
            product = Listening(application.asgi(), HandshakeProtocol)
            times = dict.fromkeys(("ping_interval", "ping_timeout", "connect_within"), PATIENT_S)
            echoes = [Echoing(ws, **times) for ws in _WAYS]
            async with product, echoes[0], echoes[1]:
                auth = {"token": await _token(product.port)}
                throwers = [Thrower(product.port, auth, tally), Thrower(product.port, auth, tally)]
                throwers += [Thrower(each.port, {}, tally) for each in echoes]
                yield throwers, lambda: [*_kept(application), *echoes[0].left_behind, *echoes[1].left_behind]


@contextmanager
def _removing(data: Path) -> Iterator[None]:
    """Remove the database at the end, wherever it was placed: for root, that is not in the folder."""
    try:
        yield
    finally:
        shutil.rmtree(data.resolve(), ignore_errors=True)


_WAYS = (HandshakeProtocol, "websockets-sansio")


def _kept(application: Application) -> list[object]:
    gateway = application.gateway
    return [*gateway.server.eio.sockets, *gateway.server._joining, *gateway._by_person, *gateway._by_session]


async def _token(port: int) -> str:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        person = {"email": "fuzz@example.org", "name": "Fuzz", "password": PASSWORD}
        return str((await http.post("/register", json=person)).raise_for_status().json()["token"])


def throw(throwers: list[Thrower], tally: Tally, arguments: Any, loop: Any, progress: Progress) -> None:
    """Throw until there were enough; in a thread, because Hypothesis waits for nothing."""
    task = progress.add_task("throwing", total=arguments.packets)

    @settings(
        max_examples=int(arguments.packets / BATCH_MEAN / OFFSPRING * 2) + 1, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate],
    )  # fmt: skip
    @seed(arguments.seed)
    @given(st.lists(garbage.thrown(WELL_FORMED), min_size=BATCH[0], max_size=BATCH[1]), st.integers(0, 2**16))
    def batch(packets: Sequence[garbage.Thrown], way: int) -> None:
        if tally.packets >= arguments.packets:
            return
        thrower = throwers[way % len(throwers)]
        throwing = thrower.poll if way // len(throwers) % POLLED_ONE_IN == 0 else thrower.throw
        every = [*packets, *garbage.offspring(packets, way, OFFSPRING * len(packets))]
        try:
            asyncio.run_coroutine_threadsafe(throwing(every), loop).result()
        except AssertionError as fault:  # noted like every other finding: Hypothesis would shrink the batch instead
            tally.findings.append(str(fault))
            progress.console.print(fault, markup=False)
        for packet in every:
            parse(packet)
        progress.update(task, completed=tally.packets)

    batch()


def parse(packet: garbage.Thrown) -> None:
    """Into the parser, whatever it is; only Malformed may come out."""
    for text in [packet, packet[1:]] if isinstance(packet, str) else [bytes(packet)]:
        with suppress(Malformed):
            read(text)


async def fuzz(arguments: argparse.Namespace) -> Tally:
    """Throw everything, and look at what is left."""
    loop, tally = asyncio.get_running_loop(), Tally()
    watch = Watch(tally.findings)
    logging.getLogger().addHandler(watch)
    structlog.configure(processors=[watch.logged])
    loop.set_exception_handler(watch.unhandled)
    async with targets(tally) as (throwers, kept):
        before = asyncio.all_tasks()
        with Progress(console=Console(stderr=True)) as progress:
            while tally.packets < arguments.packets:
                await asyncio.to_thread(throw, throwers, tally, arguments, loop, progress)
                arguments.seed += 1
        for thrower in throwers:
            await thrower.leave()
        deadline = time.monotonic() + GONE_WITHIN_S
        while (left := [*kept(), *(asyncio.all_tasks() - before)]) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        tally.findings += [f"left behind: {each}" for each in left]
    if tally.handled < FEWEST_HANDLED * tally.packets:
        tally.findings.append("too few reached a handler")
    return tally


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz")
    parser.add_argument("--packets", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", HypothesisWarning)  # that a strategy's name is long, and that the server draws
    began = time.monotonic()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tally = runner.run(fuzz(arguments))
    print(
        f"{tally.packets} packets in {time.monotonic() - began:.0f} s: {tally.handled} answered by a handler, "
        f"{tally.closed} closed their connection, {tally.polled} by polling; {len(tally.findings)} findings"
    )
    for finding in tally.findings[:SHOWN]:
        print(finding)
    return 1 if tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
