"""Readiness means it: who hears nothing of other nodes says so, and serves on."""

import asyncio
from pathlib import Path

import httpx
import pytest

from collabcampus.app import Application
from collabcampus.http.readiness import why_not_ready
from collabcampus.log.database import Database
from collabcampus.settings import Settings
from nats_server import MISSING, NATS_SERVER, NatsServer
from running import Person, Server

NOWHERE = "nats://127.0.0.1:1"
WITHIN_S = 15

needs_nats = pytest.mark.skipif(NATS_SERVER is None, reason=MISSING)


async def why(node: Application) -> str | None:
    return await why_not_ready(node.database, node.bus, node.rooms_bus)


async def until(node: Application, *, ready: bool) -> str | None:
    async with asyncio.timeout(WITHIN_S):
        while ((reason := await why(node)) is None) != ready:  # noqa: ASYNC110 - it is asked for, as a balancer asks
            await asyncio.sleep(0.01)
    return reason


@pytest.mark.anyio
async def test_a_node_is_ready_once_it_hears_itself(application: Application) -> None:
    assert await until(application, ready=True) is None


@needs_nats
@pytest.mark.anyio
async def test_a_node_whose_bus_is_gone_is_unready_until_it_is_back(database_url: str, tmp_path: Path) -> None:
    with NatsServer(tmp_path) as nats:
        async with Application(Settings(bus=nats.url), database_url).running() as node:
            await until(node, ready=True)
            nats.kill()
            assert await until(node, ready=False) == (
                "over the bus its own heartbeat does not come back: other nodes are heard late"
            )
            nats.start()
            await until(node, ready=True)


@pytest.mark.anyio
async def test_without_its_database_it_says_that(application: Application) -> None:
    nowhere = Database("postgresql://127.0.0.1:1/nowhere")
    nowhere.pool.timeout = 0.1
    await nowhere.pool.open(wait=False)
    assert await why_not_ready(nowhere, application.bus, application.bus) == "the database does not answer"
    await nowhere.close()


@needs_nats
def test_the_door_says_why_and_everything_else_is_served(database_url: str) -> None:
    with Server("--database-url", database_url, COLLABCAMPUS_BUS=NOWHERE) as server:
        answer = httpx.get(f"{server.url}/health/ready")
        assert answer.status_code == 503
        assert answer.json() == {
            "status": "not ready",
            "reason": "over the bus its own heartbeat does not come back: other nodes are heard late",
        }
        alice = Person(server.url, "Alice")
        assert alice.task(alice.project())
