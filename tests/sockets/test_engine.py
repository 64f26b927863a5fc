"""Engine.IO by itself, with handlers as python-engineio has them: heartbeats to the point, text and bytes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import engineio
import httpx
import pytest

from collabcampus.sockets.engine import Engine
from collabcampus.sockets.handshake import HandshakeProtocol
from collabcampus.sockets.packets import Json
from sockets.framed import TEXT, Framed, encoded
from sockets.hall import Listening

pytestmark = pytest.mark.anyio
INTERVAL_S, TIMEOUT_S, LATE_S = 0.3, 0.2, 0.1


@pytest.fixture(params=[HandshakeProtocol, "websockets-sansio"], ids=["wire", "ordinary"])
async def echo(request: pytest.FixtureRequest) -> AsyncIterator[Listening]:
    engine = Engine(async_mode="asgi", json=Json, ping_interval=INTERVAL_S, ping_timeout=TIMEOUT_S)

    async def message(sid: str, data: Any) -> None:
        await engine.send(sid, data)

    engine.on("message", message)
    async with Listening(engineio.ASGIApp(engine, engineio_path="socket.io"), request.param) as listening:
        yield listening


async def opened(echo: Listening) -> Framed:
    client = await Framed.open(echo.port)
    assert (await client.packet()).startswith('0{"sid":')
    return client


async def test_a_ping_comes_to_the_point_and_who_does_not_answer_is_closed(echo: Listening) -> None:
    client = await opened(echo)
    clock = asyncio.get_running_loop().time
    began = clock()

    for _ in range(2):
        assert await client.frame() == (TEXT, b"2")
        assert INTERVAL_S - 0.02 < clock() - began < INTERVAL_S + LATE_S
        client.send("3")
        began = clock()
    assert await client.frame() == (TEXT, b"2")
    await client.frame()
    assert INTERVAL_S + TIMEOUT_S - 0.03 < clock() - began < INTERVAL_S + TIMEOUT_S + LATE_S


async def test_text_and_bytes_come_back(echo: Listening) -> None:
    client = await opened(echo)

    client.send("4grüße")
    client.writer.write(encoded(b"\x00\xff", 0x2))

    assert await client.packet() == "4grüße"
    assert await client.frame() == (0x2, b"\x00\xff")


async def test_by_polling_too_and_two_polls_at_once_end_the_session(echo: Listening) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{echo.port}") as http:
        path = "/socket.io/?EIO=4&transport=polling"
        path += "&sid=" + Json.loads((await http.get(path)).text[1:])["sid"]
        await http.post(path, content="4a\x1e" * 20 + "bAP8=")
        assert (await http.get(path)).text == "4a\x1e" * 20 + "bAP8="

        first = asyncio.create_task(http.get(path))
        await asyncio.sleep(0.05)
        assert (await http.get(path)).status_code == 400
        assert (await first).text == "1"
        assert (await http.get(path)).status_code == 400
