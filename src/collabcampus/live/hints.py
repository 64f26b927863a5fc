"""Heads of projects over a bus that the append does not notify by.

Whoever commits tells, and who has the project in memory hears. A hint that is lost in between heals by the tick of
the others, as every other does.
"""

import asyncio

from collabcampus.domain.errors import Busy
from collabcampus.live.bus import Bus

HEADS = "heads"


class Hints:
    """This node's part."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._untold: dict[str, int] = {}  # only a project's last head is worth telling
        self._telling: asyncio.Task[None] | None = None

    @classmethod
    def over(cls, bus: Bus, *, but: Bus) -> "Hints | None":
        """Over this bus; None where it is that one, by which the append notifies."""
        return None if bus is but else cls(bus)

    def care(self, project_id: str) -> None:
        """The project is in memory from now on."""
        self._bus.care(project_id)

    def let_go(self, project_id: str) -> None:
        """The project is in memory no longer."""
        self._bus.let_go(project_id)

    def moved(self, project_id: str, position: int) -> None:
        """A project's new head was committed here: tell the others, without making anybody wait."""
        self._untold[project_id] = position
        if self._telling is None or self._telling.done():
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        while self._untold:
            project_id = next(iter(self._untold))
            head = f"{project_id}:{self._untold.pop(project_id)}"
            try:
                await self._bus.publish(HEADS, head, project_id)
            except Busy:
                self._untold.clear()
