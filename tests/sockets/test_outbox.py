"""One order and one bound for everything a client is sent, whatever carries it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from collabcampus.sockets import frames
from collabcampus.sockets.handshake import HandshakeProtocol
from collabcampus.sockets.outbox import OUTBOX_LIMIT
from sockets.framed import Framed
from sockets.hall import PROJECT, Hall

pytestmark = pytest.mark.anyio
TEXT = "a" * 8_000
MANY = 2_000
"""Of such texts are more than the kernel keeps for somebody who does not read, and the bound besides."""
SNAPSHOT = frames.of_raw("project_joined", json.dumps("a" * 12_000_000).encode(), shared=True)


@pytest.fixture(params=[HandshakeProtocol, "websockets-sansio"], ids=["wire", "ordinary"])
async def hall(request: pytest.FixtureRequest) -> AsyncIterator[Hall]:
    async with Hall(request.param) as opened:
        yield opened


async def next_event(client: Framed) -> tuple[str, dict[str, Any]]:
    """Name and payload of the next event."""
    name, payload = json.loads((await client.packet())[2:])
    return name, payload


async def heard(client: Framed, count: int) -> list[int]:
    """The positions of the next messages."""
    positions: list[int] = []
    while len(positions) < count:
        name, payload = await next_event(client)
        if name == "new_message":
            positions.append(payload["position"])
    return positions


async def storm(hall: Hall, stalled: str) -> int:
    """MANY messages; the most that was held for the stalled client meanwhile."""
    most = 0
    for position in range(1, MANY + 1):
        hall.say(position, TEXT)
        await asyncio.sleep(0)
        socket = hall.sockets[stalled]
        most = max(most, socket.outbox.unsent, getattr(socket.carrier, "unsent", 0))
    return most


async def test_who_never_reads_holds_little_and_harms_nobody(hall: Hall) -> None:
    stalled = await hall.join("stalled")
    reader = await hall.join("reader")
    reading = asyncio.create_task(heard(reader, MANY))

    most = await storm(hall, "stalled")

    assert OUTBOX_LIMIT < most < 2 * OUTBOX_LIMIT
    assert await reading == list(range(1, MANY + 1))
    assert len(hall.room) == 2, "it is there as long as its connection is"
    stalled.leave()


async def test_who_reads_again_is_told_once_to_join_again_and_hears_nothing_before(hall: Hall) -> None:
    slow = await hall.join("slow")
    await storm(hall, "slow")

    positions, resync = [], None
    while resync is None:
        name, payload = await next_event(slow)
        if name == "resync":
            resync = payload
        else:
            positions.append(payload["position"])
    hall.say(MANY + 1, "while it is not in the room")
    hall.connections["slow"].private(SNAPSHOT)  # and so it does not keep up a second time
    after = (await next_event(slow))[0]
    slow.send('421["join",{}]')
    answer = await slow.packet()
    hall.say(MANY + 2, "again")

    assert 0 < len(positions) < MANY
    assert positions == list(range(1, len(positions) + 1))
    assert resync == {"projectId": PROJECT, "position": len(positions)}
    assert (after, answer) == ("project_joined", '431[{"ok":true}]')
    assert (await next_event(slow))[1]["position"] == MANY + 2


async def test_who_is_behind_still_hears_what_is_for_them_until_it_is_too_much(hall: Hall) -> None:
    stalled = await hall.join("stalled")
    await storm(hall, "stalled")
    connection = hall.connections["stalled"]

    connection.emit("welcome", {})
    assert connection.alive
    for _ in range(OUTBOX_LIMIT // len(TEXT) + 20):
        connection.emit("welcome", {"text": TEXT})

    assert not connection.alive
    assert len(hall.room) == 0
    stalled.leave()


async def test_shared_bytes_do_not_count(hall: Hall) -> None:
    slow = await hall.join("slow")
    hall.connections["slow"].private(SNAPSHOT)
    await asyncio.sleep(0.05)

    for position in range(1, 51):
        hall.say(position, TEXT)

    assert (await next_event(slow))[0] == "project_joined"
    assert await heard(slow, 50) == list(range(1, 51))


async def test_who_does_not_poll_holds_little_and_is_told_to_join_again(hall: Hall) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hall.port}", timeout=5) as http:
        path = await polling(http)
        for position in range(1, 301):
            hall.say(position, TEXT)
        held = hall.sockets["poller"].outbox.unsent

        *told, resync = (await http.get(path)).text.split("\x1e")

    assert OUTBOX_LIMIT < held < 2 * OUTBOX_LIMIT
    assert [json.loads(each[2:])[1]["position"] for each in told] == list(range(1, len(told) + 1))
    assert json.loads(resync[2:]) == ["resync", {"projectId": PROJECT, "position": len(told)}]


async def test_the_change_from_polling_to_websocket_keeps_the_order_under_writes(hall: Hall) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hall.port}", timeout=5) as http:
        path = await polling(http)
        sid = path.partition("&sid=")[2]
        writing = asyncio.create_task(_write(hall, 400))

        polled: list[str] = []
        while len(polled) < 50:
            polled += (await http.get(path)).text.split("\x1e")
        waiting = asyncio.create_task(http.get(path))
        websocket = await Framed.open(hall.port, sid=sid)
        websocket.send("2probe")
        assert await websocket.packet() == "3probe"
        polled += (await waiting).text.split("\x1e")
        await asyncio.sleep(0.05)  # what is written now waits for the change
        websocket.send("5")
        positions = [json.loads(each[2:])[1]["position"] for each in polled if each != "6"]
        positions += await heard(websocket, 400 - len(positions))

        await writing
        assert positions == list(range(1, 401))
        assert (await http.get(path)).status_code == 400


async def polling(http: httpx.AsyncClient) -> str:
    """Where somebody polls who is in the room."""
    path = "/socket.io/?EIO=4&transport=polling"
    path += "&sid=" + json.loads((await http.get(path)).text[1:])["sid"]
    await http.post(path, content='40{"token":"poller"}')
    assert (await http.get(path)).text.startswith("40{")
    await http.post(path, content='421["join",{}]')
    assert (await http.get(path)).text.startswith("431")
    return path


async def _write(hall: Hall, count: int) -> None:
    for position in range(1, count + 1):
        hall.say(position, "a word")
        await asyncio.sleep(0.001)
