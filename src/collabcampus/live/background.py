"""Work nobody waits for: an outage heals by itself at the next tick, anything else that fails is written down."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any

import structlog

from collabcampus.domain.errors import Busy

_logger = structlog.get_logger(__name__)


class Background:
    """The tasks that run beside everything else."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[asyncio.Task[None]]:
        return iter(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin it."""
        task = asyncio.create_task(_guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    try:
        with suppress(Busy):
            await work
    except Exception:
        _logger.exception("live_project_failed")
