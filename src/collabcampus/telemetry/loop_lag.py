"""How late the event loop runs: what one waits for behind all that others have to do."""

import asyncio
from time import perf_counter

from collabcampus.telemetry.metrics import loop_lag

LOOK_EACH_S = 0.25


async def watch() -> None:
    """Measure until cancelled."""
    while True:
        due = perf_counter() + LOOK_EACH_S
        await asyncio.sleep(LOOK_EACH_S)
        loop_lag.observe(max(0.0, perf_counter() - due))
