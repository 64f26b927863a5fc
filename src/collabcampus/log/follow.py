"""Following the log: LISTEN as a hint, a slow tick that heals what hints were lost.

A notification never carries truth: it says that a project is at a position, and whoever cares reads by position.
"""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import structlog

from collabcampus.log.database import Connection

HEADS = "collabcampus_heads"
RECONNECT_S = 0.5
LISTEN_TIMEOUT_S = 5.0

Heard = Callable[[str], None]
Tick = Callable[[], Awaitable[None]]

_logger = structlog.get_logger(__name__)


def parse_heads(payload: str) -> list[tuple[str, int]]:
    """The (project, position) pairs of one notification."""
    pairs = (each.rpartition(":") for each in payload.split(","))
    return [(project_id, int(position)) for project_id, _, position in pairs]


class Follower:
    """Listens on channels with a connection of its own for as long as `run` runs."""

    def __init__(self, conninfo: str, channels: dict[str, Heard], tick: Tick) -> None:
        """`channels` maps a channel to what is called with each payload; `tick` runs every few seconds,
        and at once after a connection was (re)made, since hints may have been missed before."""
        self._conninfo = conninfo
        self._channels = channels
        self._tick = tick
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled; a lost connection is made again."""
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                _logger.warning("follower_lost_its_connection", error=type(error).__name__)
            except Exception:
                _logger.exception("follower_failed")  # and goes on: a room that is not followed falls silent
            self.listening.clear()
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> None:
        connection: Connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        async with connection:
            for channel in self._channels:
                await connection.execute(f"LISTEN {channel}".encode())
            self.listening.set()
            while True:
                await self._tick()
                async for notice in connection.notifies(timeout=LISTEN_TIMEOUT_S):
                    self._channels[notice.channel](notice.payload)
                await connection.execute("SELECT 1")  # a dead peer is noticed here
