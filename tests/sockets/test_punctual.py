"""HTTP connections whose client stops in the middle of something end, and those of the slow but willing do not."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from collabcampus.sockets import punctual
from collabcampus.sockets.punctual import PunctualProtocol
from sockets.hall import Listening

pytestmark = pytest.mark.anyio
HEAD_S, BODY_S, READ_S, SOON_S = 0.4, 0.8, 0.8, 3.0
MUCH, SOME = 32 * 1024 * 1024, 60 * 1024
GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
HALF_A_BODY = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\nab"
HALVES = {
    "nothing": b"",
    "half a line": b"GET /",
    "half a head": GET[:-2],
    "half of a second": GET + b"GET / HT",
    "an empty line": b"\r\n",
}


async def _application(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, then answer little, or much or late where it is asked for."""
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/late":
        await asyncio.sleep(BODY_S + 0.3)
    body = b"a" * {"/much": MUCH, "/some": SOME}.get(scope["path"], 1)
    size = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", size)]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    for name, seconds in (("HEAD", HEAD_S), ("BODY", BODY_S), ("READ", READ_S)):
        monkeypatch.setattr(punctual, f"{name}_WITHIN_S", seconds)
    async with Listening(_application, "none", PunctualProtocol) as listening:
        yield listening.port


async def closed(reader: asyncio.StreamReader, within_s: float) -> bool:
    """Whether the server closes in time, whatever it says before."""
    try:
        async with asyncio.timeout(within_s):
            with suppress(ConnectionResetError):
                await reader.read()
            return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
async def test_who_does_not_finish_a_head_is_closed(port: int, half: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    writer.write(half)

    assert await closed(reader, SOON_S)
    writer.close()


async def test_a_head_that_comes_a_byte_at_a_time_buys_no_more_time(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ending = asyncio.create_task(closed(reader, SOON_S))

    while not ending.done() and not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(HEAD_S / 10)

    assert await ending
    writer.close()


async def test_who_does_not_finish_a_body_is_closed_later(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HALF_A_BODY)

    assert not await closed(reader, HEAD_S + 0.1)
    assert await closed(reader, SOON_S)
    writer.close()


async def test_who_does_not_read_an_answer_is_closed(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(GET.replace(b"GET /", b"GET /much"))

    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    await asyncio.sleep(READ_S + 0.3)

    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(MUCH)
    writer.close()


async def test_who_does_not_read_and_asks_on_is_closed_all_the_same(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(GET.replace(b"GET /", b"GET /much"))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")

    for _ in range(3):
        await asyncio.sleep(READ_S / 4)
        writer.write(GET)
    await asyncio.sleep(READ_S / 4 + 0.3)

    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(MUCH)
    writer.close()


async def test_who_does_not_read_the_end_of_an_answer_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(punctual, "READ_WITHIN_S", READ_S)
    open_now: list[PunctualProtocol] = []

    class Small(PunctualProtocol):
        def connection_made(self, transport: Any) -> None:
            with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as raw:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * 1024)
            super().connection_made(transport)
            open_now.append(self)

        def pause_writing(self) -> None:
            raise AssertionError("it is never so much")

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            open_now.remove(self)

    async with Listening(_application, "none", Small) as listening:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024)
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, ("127.0.0.1", listening.port))
        await loop.sock_sendall(raw, GET.replace(b"GET /", b"GET /some"))
        await loop.sock_recv(raw, 64)
        (held,) = open_now
        assert held.transport.get_write_buffer_size()

        async with asyncio.timeout(READ_S + SOON_S):
            while open_now:  # noqa: ASYNC110 - nothing tells when it is so
                await asyncio.sleep(0.02)
        raw.close()


async def test_who_is_slow_but_willing_is_answered(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    for _ in range(3):  # each within its time, all of them beyond it
        for part in (HALF_A_BODY[:9], HALF_A_BODY[9:], b"cd"):
            writer.write(part)
            await asyncio.sleep(HEAD_S / 4)
        async with asyncio.timeout(SOON_S):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            assert await reader.readexactly(1) == b"a"
    writer.close()


async def test_who_waits_for_an_answer_may_wait_long(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    writer.write(GET.replace(b"GET /", b"GET /late"))

    async with asyncio.timeout(SOON_S):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_an_empty_line_after_an_answer_does_not_keep_a_connection(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GET)
    await reader.readuntil(b"\r\n\r\na")

    writer.write(b"\r\n")

    assert await closed(reader, SOON_S)
    writer.close()
