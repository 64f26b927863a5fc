"""The slow tick that tells every room where it is, so that a client which missed something silently finds out."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from collabcampus.live.rooms import Room

ROOMS_AT_ONCE = 50
"""In one turn of the loop; the next ones wait their part of the time."""

_logger = structlog.get_logger(__name__)


class Heads:
    """One timer for all rooms of a process."""

    def __init__(self, rooms: Callable[[], list[Room[Any]]], each_s: float) -> None:
        """`rooms` are those that somebody here is in; each is told every `each_s` seconds."""
        self._rooms, self._each_s = rooms, each_s

    async def run(self) -> None:
        """Tell them until cancelled, spread over the time there is."""
        while True:
            rooms = self._rooms()
            turns = range(0, len(rooms), ROOMS_AT_ONCE) or (0,)
            for start in turns:
                for room in rooms[start : start + ROOMS_AT_ONCE]:
                    _tell(room)
                await asyncio.sleep(self._each_s / len(turns))


def _tell(room: Room[Any]) -> None:
    """Tell one room; what fails there is no other's, nor the next time's."""
    try:
        room.tell_head()
    except Exception:
        _logger.exception("head_failed", project=room.project_id)
