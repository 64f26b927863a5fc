"""The bus between nodes: it carries hints, never truth.

What was lost on it must heal by the tick; whoever cares reads the log. The adapters satisfy the protocol by their
shape and are put in place by `app`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

Heard = Callable[[str], None]
Tick = Callable[[], Awaitable[None]]


class Bus(Protocol):
    """Carries short texts on named channels to every node, the sender included."""

    tick: Tick
    """Awaited every few seconds, and at once after each (re)connect, since hints may have been missed."""

    @property
    def listening(self) -> asyncio.Event:
        """Set while what others publish is known to arrive here."""

    def subscribe(self, channel: str, heard: Heard) -> None:
        """Call `heard` with each payload of a channel; before `run`. It must neither wait nor fail."""

    async def publish(self, channel: str, payload: str) -> None:
        """Tell every node; a Busy where it cannot be told. Payloads are shorter than 8,000 bytes."""

    async def run(self) -> None:
        """Listen until cancelled."""
