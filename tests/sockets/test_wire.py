"""Websockets as RFC 6455 has them: what is well-formed is understood, what is not ends with the right code."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from collabcampus.sockets import frames
from collabcampus.sockets.handshake import HandshakeProtocol
from collabcampus.sockets.wire import STOP_WITHIN_S
from running import Person, Server
from sockets.framed import CLOSE, PING, PONG, TEXT, Framed, encoded
from sockets.hall import LIMIT, Hall

pytestmark = pytest.mark.anyio
WHY = {
    1002: "no websocket frame that may come here",
    1007: "text that is not UTF-8",
    1009: f"a packet has at most {LIMIT} bytes",
}
AN_ASK = '421["join",{"text":"grüße"}]'.encode()
CONTINUED = 0x0
BINARY = 0x2
IDLE = 400
IDLE_BYTES = 10 * 1024


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    async with Hall(HandshakeProtocol) as opened:
        yield opened


@pytest.fixture
async def client(hall: Hall) -> Framed:
    return await hall.join("alice")


async def test_a_message_in_fragments_is_one_with_a_ping_between_them_answered_first(client: Framed) -> None:
    middle = AN_ASK.index("ü".encode()) + 1  # within a character
    client.writer.write(encoded(AN_ASK[:middle], fin=False))
    client.writer.write(encoded(b"", CONTINUED, fin=False))
    client.writer.write(encoded(b"still there?", PING))
    client.writer.write(encoded(AN_ASK[middle:], CONTINUED))

    assert await client.frame() == (PONG, b"still there?")
    assert await client.frame() == (TEXT, b'431[{"ok":true}]')


async def test_frames_may_come_byte_by_byte_or_many_at_once(client: Framed) -> None:
    for byte in encoded(AN_ASK) + encoded(b"421" + json.dumps(["join", "a" * 1_000]).encode()):
        client.writer.write(bytes((byte,)))
        await asyncio.sleep(0)
    client.writer.write(encoded(AN_ASK) * 100)

    assert [await client.frame() for _ in range(102)] == [(TEXT, b'431[{"ok":true}]')] * 102


async def test_a_message_of_the_limit_is_taken(client: Framed) -> None:
    around = b'421["join",""]'

    client.writer.write(encoded(around[:-2] + b"a" * (LIMIT - len(around) - 1) + around[-2:]))

    assert await client.frame() == (TEXT, b'431[{"ok":true}]')


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(encoded(AN_ASK, masked=False), 1002, id="not masked"),
        pytest.param(encoded(AN_ASK, head=0x40), 1002, id="a reserved bit"),
        pytest.param(encoded(AN_ASK, 0x3), 1002, id="an unknown opcode"),
        pytest.param(encoded(AN_ASK, 0xB), 1002, id="an unknown control opcode"),
        pytest.param(encoded(AN_ASK, CONTINUED), 1002, id="a continuation of nothing"),
        pytest.param(encoded(b"4", fin=False) + encoded(AN_ASK), 1002, id="a message within a message"),
        pytest.param(encoded(b"", PING, fin=False), 1002, id="a ping in fragments"),
        pytest.param(encoded(b"a" * 126, PING), 1002, id="a long ping"),
        pytest.param(encoded(b"4" * (LIMIT + 1)), 1009, id="too long"),
        pytest.param(encoded(b"4" * (LIMIT + 1))[:14], 1009, id="too long, said its header"),
        pytest.param(encoded(b"4" * LIMIT, fin=False) + encoded(b"4", CONTINUED), 1009, id="too long in fragments"),
        pytest.param(encoded(b"42\xff"), 1007, id="no UTF-8"),
        pytest.param(encoded(b"42\xc3", fin=False) + encoded(b"[", CONTINUED), 1007, id="no UTF-8 in fragments"),
        pytest.param(encoded(b"\x03", CLOSE), 1002, id="a cut code"),
        pytest.param(encoded((1005).to_bytes(2, "big"), CLOSE), 1002, id="a code nobody may send"),
        pytest.param(encoded((1000).to_bytes(2, "big") + b"\xff", CLOSE), 1007, id="a reason that is no UTF-8"),
    ],
)
async def test_what_breaks_the_protocol_ends_with_the_right_code(
    hall: Hall, client: Framed, sent: bytes, code: int
) -> None:
    witness = await hall.join("witness")

    client.writer.write(sent + encoded(AN_ASK))

    said, why = await client.closed_with()
    assert (said, why) == (code, WHY[code])
    assert hall.room.online == ["witness"]
    await hall.enter(witness)


@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe9going", b"\x0f\xa0"], ids=repr)
async def test_a_goodbye_is_answered_with_its_own_code(client: Framed, payload: bytes) -> None:
    client.writer.write(encoded(payload, CLOSE) + encoded(AN_ASK))

    assert await client.frame() == (CLOSE, payload[:2])
    assert await client.reader.read() == b""


async def test_our_goodbye_follows_everything_sent_and_awaits_the_answer(hall: Hall, client: Framed) -> None:
    connection = hall.connections["alice"]
    connection.emit("welcome", {})
    connection.close()
    connection.emit("welcome", {})

    assert await client.frame() == (TEXT, b'42["welcome",{}]')
    assert await client.frame() == (CLOSE, (1000).to_bytes(2, "big") + b"closed by the server")
    await asyncio.sleep(0.1)
    assert not client.reader.at_eof()
    client.writer.write(encoded((1000).to_bytes(2, "big"), CLOSE))
    assert await client.reader.read() == b""


async def test_who_goes_without_a_word_is_gone_from_the_room(hall: Hall, client: Framed) -> None:
    client.leave()
    async with asyncio.timeout(1):
        while hall.room:  # noqa: ASYNC110 - a room offers no event
            await asyncio.sleep(0.01)


async def test_a_server_that_stops_says_so(hall: Hall) -> None:
    async with Hall(HandshakeProtocol) as stopping:
        client = await stopping.join("alice")

    assert await client.closed_with() == (1012, "")


async def test_a_server_that_stops_does_not_wait_for_who_does_not_read() -> None:
    async with Hall(HandshakeProtocol) as stopping:
        stalled = await stopping.join("stalled")
        stopping.connections["stalled"].private(frames.of_packet(b"4" * 12_000_000, shared=True))
        await asyncio.sleep(0.05)
        clock = asyncio.get_running_loop().time
        began = clock()

    assert clock() - began < STOP_WITHIN_S + 0.5
    stalled.leave()


@pytest.fixture(scope="module")
def boundless(module_database_url: str) -> Iterator[Server]:
    """A server that lets one person have any number of sockets."""
    with Server("--database-url", module_database_url, COLLABCAMPUS_SOCKETS_PER_USER="0") as running:
        yield running


async def test_an_idle_connection_costs_little(boundless: Server) -> None:
    person, port = Person(boundless.url, "Alice"), urlsplit(boundless.url).port
    assert port
    assert boundless.process

    async def connected(count: int) -> list[Framed]:
        clients = [await Framed.open(port) for _ in range(count)]
        for client in clients:
            client.send("40" + json.dumps({"token": person.token}))
            while not (await client.packet()).startswith('42["welcome"'):
                pass
        return clients

    for warm in await connected(50):
        warm.leave()
    before = _memory(boundless.process.pid)
    clients = await connected(IDLE)

    assert (_memory(boundless.process.pid) - before) / IDLE < IDLE_BYTES
    for client in clients:
        client.leave()
    assert boundless.errors == ""


def _memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
