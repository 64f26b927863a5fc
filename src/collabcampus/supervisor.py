"""The parent of several workers: it binds the address, deals connections out, and starts again whoever dies.

It accepts and deals in turn, instead of leaving the accepting to the workers: one shared socket goes to whoever
is quickest, and with SO_REUSEPORT what waits for a worker that dies waits on. Dealt in turn, workers differ by one
connection, and what a dead one left in its mailbox is dealt again.

SIGHUP restarts the workers one after the other: the next one leaves when the successor of the one before is ready.
"""

import asyncio
import signal
import socket
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import IO, Any

import msgspec
import structlog
from msgspec import Struct

from collabcampus.settings import Settings
from collabcampus.sockets.handover import DEALT_AT_ONCE, Living, Moved, receive, send

WORKER = (sys.executable, "-P", "-m", "collabcampus.worker")
READY_WITHIN_S = 60.0
LEAVES_WITHIN_S = 15.0
DRAINS_WITHIN_S = 5.0
"""Beyond the seconds that the closing of sockets is spread over."""
STABLE_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 5.0
STARTS_TRIED = 3
"""A worker that never was ready is tried so often, before the server gives up starting."""
ALL_BUSY_S = 0.005

_logger = structlog.get_logger(__name__)


class WorkersFail(Exception):
    """The workers do not start."""


class Orders(Struct, frozen=True):
    """What the parent tells a worker over its standard input; the numbers are inherited descriptors.

    `node` is `place.start`: the next worker in a place says by its name that the one before it is gone.
    """

    number: int
    node: str
    settings: Settings
    conninfo: str
    inbox: int
    outboxes: list[int]
    living: int

    def encode(self) -> bytes:
        """One line."""
        return msgspec.json.encode(self, enc_hook=str) + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "Orders":
        """What `encode` wrote."""
        return msgspec.json.decode(line, type=cls, dec_hook=lambda kind, value: kind(value))


class Supervisor:
    """`settings.workers` processes that serve one listening socket."""

    def __init__(self, settings: Settings, conninfo: str, listening: socket.socket) -> None:
        self._settings, self._conninfo, self._listening = settings, conninfo, listening
        self._numbers = range(settings.workers)
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as we live
        self._file.truncate(settings.workers)
        self._living = Living(self._file.fileno(), settings.workers)
        # Both ends stay open here: a mailbox outlives its worker.
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in self._numbers]
        self._inboxes, self._outboxes = [each[0] for each in pairs], [each[1] for each in pairs]
        for each in (listening, *self._inboxes, *self._outboxes):
            each.setblocking(False)
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._were_ready: set[int] = set()
        self._told_to_leave: set[int] = set()
        self._is_ready = asyncio.Condition()
        self._all_ready = asyncio.Event()
        self._turn = count()
        self._token, self._starts = uuid.uuid4().hex[:8], count()
        self._stopping = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Future[Any]]:
        """All workers, from when all are ready until all have drained; WorkersFail where they do not start.

        Gives a future that fails when supervising does.
        """
        keeping = asyncio.gather(*(self._keep(number) for number in self._numbers))
        ready = asyncio.create_task(self._all_ready.wait())
        try:
            await asyncio.wait((keeping, ready), return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                keeping.result()
            self._accept_on()
            yield keeping
        finally:
            ready.cancel()
            await self._stop(keeping)

    async def roll(self, told: asyncio.Event) -> None:
        """Whenever told so, renew the workers; until cancelled."""
        while True:
            await told.wait()
            told.clear()
            for number in self._numbers:
                if not await self._renew(number):
                    _logger.error("rolling_restart_stopped", worker=number)
                    break

    async def _renew(self, number: int) -> bool:
        """Let one worker leave, and wait for the next in its place; False where none is ready in time."""
        before = self._processes[number]
        self._tell_to_leave(number)
        asyncio.get_running_loop().call_later(self._leaves_within_s, _signal, before, signal.SIGKILL)
        try:
            async with asyncio.timeout(self._leaves_within_s + READY_WITHIN_S), self._is_ready:
                await self._is_ready.wait_for(
                    lambda: self._processes[number] is not before and self._living.stays(number)
                )
        except TimeoutError:
            return False
        return True

    def _tell_to_leave(self, number: int) -> None:
        self._told_to_leave.add(number)
        if number in self._living:
            self._living.leave(number)
        _signal(self._processes[number], signal.SIGTERM)

    @property
    def _leaves_within_s(self) -> float:
        return self._settings.drain_over + LEAVES_WITHIN_S

    async def _stop(self, keeping: "asyncio.Future[Any]") -> None:
        """Let all workers leave. As long as they are there, so is the address: what is polled has to arrive."""
        self._stopping = True
        for number in self._processes:
            self._tell_to_leave(number)
        await asyncio.wait((keeping,), timeout=self._settings.drain_over + DRAINS_WITHIN_S)
        asyncio.get_running_loop().remove_reader(self._listening.fileno())
        self._listening.close()
        keeping.cancel()
        leaving = [asyncio.create_task(_leave(process)) for process in self._processes.values()]
        await asyncio.gather(keeping, *leaving, return_exceptions=True)

    async def _keep(self, number: int) -> None:
        """One worker, started again whenever it ends."""
        loop, quick_ends = asyncio.get_running_loop(), 0
        while not self._stopping:
            began = loop.time()
            status = await self._live_once(number)
            if number in self._told_to_leave:
                self._told_to_leave.discard(number)
                continue
            quick_ends = 0 if loop.time() - began > STABLE_S else quick_ends + 1
            if quick_ends >= STARTS_TRIED and number not in self._were_ready:
                raise WorkersFail(f"worker {number} does not start: it ended with {status}")
            pause = min(FIRST_PAUSE_S * 2**quick_ends, LONGEST_PAUSE_S)
            _logger.warning("worker_ended_and_is_started_again", worker=number, status=status, pause_s=pause)
            await asyncio.sleep(pause)

    async def _live_once(self, number: int) -> int | str | None:
        """From a worker's start to its end: its exit status, or why it could not be started."""
        try:
            process = await self._start(number)
        except OSError as error:
            return error.strerror
        try:
            await self._mind(number, process)
        finally:
            self._living.set(number, False)
            self._deal_again(number)
        await _leave(process)
        return process.returncode

    async def _start(self, number: int) -> asyncio.subprocess.Process:
        inbox, living = self._inboxes[number].fileno(), self._file.fileno()
        outboxes = [each.fileno() for each in self._outboxes]
        process = await asyncio.create_subprocess_exec(
            *WORKER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[inbox, living, *outboxes],
            start_new_session=True,  # a Ctrl-C is for the parent alone
        )
        self._processes[number] = process
        assert process.stdin
        # The address and the secret go this way, for command lines are everybody's. It stays open: its end is ours.
        node = f"{self._token}-{number}.{next(self._starts)}"
        orders = Orders(number, node, self._settings, self._conninfo, inbox, outboxes, living)
        process.stdin.write(orders.encode())
        return process

    async def _mind(self, number: int, process: asyncio.subprocess.Process) -> None:
        """Until the worker takes no connections any more; it says so by closing its standard output."""
        assert process.stdout
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                if not await process.stdout.readline():
                    return
        except TimeoutError:
            _signal(process, signal.SIGKILL)
            return
        self._living.set(number, True)
        self._were_ready.add(number)
        async with self._is_ready:
            self._is_ready.notify_all()
        if len(self._were_ready) == len(self._numbers):
            self._all_ready.set()
        await process.stdout.read()

    def _accept_on(self) -> None:
        if self._listening.fileno() >= 0:
            asyncio.get_running_loop().add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(DEALT_AT_ONCE):
            if not self._living.takers():
                self._pause_accepting()
                return
            try:
                connection, _ = self._listening.accept()
            except BlockingIOError:
                return
            except OSError as error:  # out of descriptors, or the client is gone
                _logger.warning("connection_not_accepted", error=error.strerror)
                self._pause_accepting()
                return
            self._deal(Moved(connection, b""))

    def _pause_accepting(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listening.fileno())
        loop.call_later(ALL_BUSY_S, self._accept_on)

    def _deal(self, moved: Moved, deadline: float | None = None) -> None:
        """To the next living worker whose mailbox has room; a little later where there is none."""
        takers = self._living.takers()
        if self._stopping and not takers:
            moved.connection.close()
            return
        for _ in self._numbers:
            number = next(self._turn) % len(self._numbers)
            if number in takers:
                with suppress(OSError):
                    send(self._outboxes[number], moved)
                    moved.connection.close()
                    return
        loop = asyncio.get_running_loop()
        deadline = deadline or loop.time() + READY_WITHIN_S
        if loop.time() < deadline:
            loop.call_later(ALL_BUSY_S, self._deal, moved, deadline)
        else:
            moved.connection.close()

    def _deal_again(self, number: int) -> None:
        """What a worker that is gone has left in its mailbox goes to others."""
        while left := list(receive(self._inboxes[number])):
            for moved in left:
                self._deal(moved)


async def serve(supervisor: Supervisor, ready: Any, stop_signals: tuple[signal.Signals, ...]) -> None:
    """Run the workers until told to stop; `ready` is called once all of them are."""
    async with supervisor.running() as keeping:
        told, told_to_roll = asyncio.Event(), asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, told_to_roll.set)
        rolling = asyncio.create_task(supervisor.roll(told_to_roll))
        for each in stop_signals:
            asyncio.get_running_loop().add_signal_handler(each, told.set)
        ready()
        stopped = asyncio.create_task(told.wait())
        await asyncio.wait((keeping, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        rolling.cancel()
        if keeping.done():
            keeping.result()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(number)


async def _leave(process: asyncio.subprocess.Process) -> None:
    """Wait until it has gone, and make it go where it does not by itself."""
    try:
        await asyncio.wait_for(process.wait(), LEAVES_WITHIN_S)
    except TimeoutError:
        _signal(process, signal.SIGKILL)
        await process.wait()
