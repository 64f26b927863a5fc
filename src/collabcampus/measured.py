"""What an operator sees of a running application: depths that are looked at, and how late its event loop runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from collabcampus.app import Application
from collabcampus.sockets.outbox import OUTBOX_LIMIT
from collabcampus.telemetry import loop_lag
from collabcampus.telemetry.gauges import Gauges, Looked


@asynccontextmanager
async def measured(application: Application) -> AsyncIterator[None]:
    """Show it in this process's metrics meanwhile."""
    watching = asyncio.create_task(loop_lag.watch())
    try:
        with Gauges(lambda: look(application)):
            yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def look(application: Application) -> Looked:
    """All depths right now."""
    return {
        "commands_waiting": application.projects.on_their_way,
        "rooms": len(application.projects.rooms()),
        "security_entries_waiting": application.identity.security.waiting,
        "bus_listening": _buses(application),
        **_pool(application),
        **_sockets(application),
    }


def _buses(application: Application) -> dict[str, float]:
    listening: dict[str, float] = {"postgres": application.bus.listening.is_set()}
    if application.rooms_bus is not application.bus:
        listening["nats"] = application.rooms_bus.listening.is_set()
    return listening


def _pool(application: Application) -> Looked:
    stats = application.database.pool.get_stats()
    idle = stats.get("pool_available", 0)
    return {
        "pool_connections": {"idle": idle, "used": stats.get("pool_size", 0) - idle},
        "pool_requests_waiting": stats.get("requests_waiting", 0),
        "pool_requests": stats.get("requests_num", 0),
        "pool_requests_failed": stats.get("requests_errors", 0),
        "pool_wait_seconds": stats.get("requests_wait_ms", 0) / 1_000,
    }


def _sockets(application: Application) -> Looked:
    sockets = list(application.gateway.server.eio.sockets.values())
    unsent = [each.outbox.unsent for each in sockets]
    by_websocket = sum(1 for each in sockets if each.carrier)
    return {
        "sockets": {"websocket": by_websocket, "polling": len(sockets) - by_websocket},
        "sockets_behind": sum(1 for each in unsent if each > OUTBOX_LIMIT),
        "outbox_bytes": sum(unsent),
        "outbox_largest_bytes": max(unsent, default=0),
    }
