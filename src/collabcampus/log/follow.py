"""Following the log: LISTEN as a hint, a slow tick that heals what hints were lost.

A notification never carries truth: it says that a project is at a position, and whoever cares reads by position.
Three things tell that nothing arrives any more: the connection breaks; it does not answer the tick's `SELECT 1` in
time (a half-open one); it answers, and yet our own heartbeat does not come back (a pooler in between that swallows
LISTEN).
"""

import asyncio
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq.abc import PGconn
from psycopg.pq.misc import PGnotify

from collabcampus.log.database import Connection, Database
from collabcampus.log.pulse import TICK_S, Deaf, Pulse, Tick

HEADS = "collabcampus_heads"
HEARTBEAT = "collabcampus_heartbeat"
RECONNECT_S = 0.5
ANSWER_WITHIN_S = 5.0
KEEPALIVE = {
    "connect_timeout": "5",
    "keepalives": "1",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}

Heard = Callable[[str], None]

_logger = structlog.get_logger(__name__)


def parse_heads(payload: str) -> list[tuple[str, int]]:
    """The (project, position) pairs of one notification."""
    pairs = (each.rpartition(":") for each in payload.split(","))
    return [(project_id, int(position)) for project_id, _, position in pairs]


class PostgresBus:
    """A bus by LISTEN and NOTIFY: it listens on a connection of its own and publishes through the pool.

    What a transaction has to tell it notifies itself, as the append does with heads; `publish` is for all else. Every
    node hears of every project.
    """

    def __init__(self, database: Database, tick: Tick, *, interval_s: float = TICK_S) -> None:
        """`tick` is awaited every `interval_s`, and at once after a connection was (re)made."""
        self._database, self._pulse = database, Pulse(tick, interval_s)
        self._heartbeat = f"{HEARTBEAT}_{uuid.uuid4().hex}"
        self._channels: dict[bytes, Heard] = {self._heartbeat.encode(): self._pulse.heard}

    @property
    def tick(self) -> Tick:
        """Awaited every few seconds."""
        return self._pulse.tick

    @tick.setter
    def tick(self, tick: Tick) -> None:
        self._pulse.tick = tick

    @property
    def listening(self) -> asyncio.Event:
        """Set while what others publish is known to arrive here."""
        return self._pulse.listening

    def subscribe(self, channel: str, heard: Heard) -> None:
        """Call `heard` with each payload of a channel; before `run`. It must neither wait nor fail."""
        self._channels[channel.encode()] = heard

    def care(self, project_id: str) -> None:
        """Nothing to do: everything is heard."""

    def let_go(self, project_id: str) -> None:
        """Nothing to do: everything is heard."""

    async def publish(self, channel: str, payload: str, project_id: str | None = None) -> None:
        """Tell every node; a Busy where it cannot be told. Payloads are shorter than 8,000 bytes."""
        await self._database.write("SELECT pg_notify(%s, %s)", channel, payload)

    async def run(self) -> None:
        """Follow until cancelled; a lost connection is made again."""
        async with self._pulse.ticking():
            while True:
                try:
                    await self._listen()
                except (psycopg.Error, Deaf) as error:
                    _logger.warning("follower_lost_its_connection", error=type(error).__name__)
                except Exception:
                    _logger.exception("follower_failed")  # and goes on: a room that is not followed falls silent
                finally:
                    self._pulse.lost()
                await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> None:
        where: dict[str, Any] = {**KEEPALIVE, **conninfo_to_dict(self._database.conninfo)}
        connection: Connection = await psycopg.AsyncConnection.connect(**where, autocommit=True)
        async with connection:
            connection.pgconn.notify_handler = self._hear  # for what comes while a query is answered
            with _hanging_up(connection):
                for channel in self._channels:
                    await connection.execute(b"LISTEN " + channel)
            ears = _Ears(connection.pgconn, self._hear)
            beating = asyncio.create_task(self._pulse.beating(self._beat, partial(_answers, connection, ears)))
            try:
                with ears:
                    await asyncio.wait((beating, ears.lost), return_when=asyncio.FIRST_COMPLETED)
                (ears.lost if ears.lost.done() else beating).result()
            finally:
                beating.cancel()
                await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self) -> None:
        await self.publish(self._heartbeat, "")

    def _hear(self, notice: PGnotify) -> None:
        try:
            self._channels[notice.relname](notice.extra.decode())
        except Exception:  # one that fails must not cost the others their hints
            _logger.exception("hint_not_taken", channel=notice.relname.decode())


async def _answers(connection: Connection, ears: "_Ears") -> None:
    with ears.covered(), _hanging_up(connection):
        await connection.execute(b"SELECT 1")


@contextmanager
def _hanging_up(connection: Connection) -> Iterator[None]:
    """Break the connection where it does not answer in time: psycopg waits for ever, even for a query it cancels."""
    timer = asyncio.get_running_loop().call_later(ANSWER_WITHIN_S, _hang_up, connection)
    try:
        yield
    finally:
        timer.cancel()


def _hang_up(connection: Connection) -> None:
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.pgconn.socket)) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)


class _Ears:
    """Takes notifications straight from libpq when the socket has some: psycopg's generator costs twice as much."""

    def __init__(self, pgconn: PGconn, hear: Callable[[PGnotify], None]) -> None:
        self._pgconn, self._hear = pgconn, hear
        self._loop = asyncio.get_running_loop()
        self._watched: int | None = None
        self.lost: asyncio.Future[None] = self._loop.create_future()

    def __enter__(self) -> "_Ears":
        self._watched = self._pgconn.socket
        self._loop.add_reader(self._watched, self._read)
        self._take()  # what came with the answer before
        return self

    def __exit__(self, *_: object) -> None:
        if self._watched is not None:  # once: a closed descriptor's number is soon somebody else's
            self._loop.remove_reader(self._watched)
            self._watched = None

    @contextmanager
    def covered(self) -> Iterator[None]:
        """While the connection answers a query, which reads the socket itself."""
        self.__exit__()
        yield
        self.__enter__()

    def _read(self) -> None:
        try:
            self._pgconn.consume_input()
            self._take()
        except psycopg.Error as error:
            self.__exit__()
            if not self.lost.done():
                self.lost.set_exception(error)

    def _take(self) -> None:
        while notice := self._pgconn.notifies():
            self._hear(notice)
