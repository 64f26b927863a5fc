"""A connection on its way to another worker whose mailbox is full waits for that, and for no client."""

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from collabcampus.sockets import handover, punctual
from collabcampus.sockets.handover import Colleagues, Living, MovingProtocol
from sockets.hall import Listening
from sockets.test_punctual import closed

pytestmark = pytest.mark.anyio
HEAD_S, SOON_S = 0.3, 5.0
ASKED = b"GET /socket.io/?EIO=4&transport=polling&sid=1.x HTTP/1.1\r\nHost: here\r\n\r\n"


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("it is the other's")


class Pair:
    """A worker on a port, and the mailbox of another, full to begin with."""

    def __init__(self, port: int, inbox: socket.socket, filled: int) -> None:
        self.port, self.inbox, self._filled = port, inbox, filled

    def empty(self) -> None:
        """Take what fills the mailbox."""
        for _ in range(self._filled):
            self.inbox.recv(1_024)


@pytest.fixture
async def pair(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    monkeypatch.setattr(punctual, "HEAD_WITHIN_S", HEAD_S)
    with tempfile.TemporaryFile() as file:
        file.truncate(2)
        living = Living(file.fileno(), 2)
        living.set(1, True)
        outbox, inbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with outbox, inbox:
            outbox.setblocking(False)
            inbox.setblocking(False)
            filled = 0
            with suppress(OSError):
                while True:
                    outbox.send(b"x" * 1_024)
                    filled += 1
            colleagues = Colleagues(0, inbox, [outbox, outbox], living)

            class Moving(MovingProtocol):
                def __init__(self, *arguments: Any, **options: Any) -> None:
                    super().__init__(*arguments, colleagues=colleagues, **options)

            async with Listening(_nothing, "none", Moving) as listening:
                yield Pair(listening.port, inbox, filled)


async def test_a_connection_outlives_the_time_of_a_head_while_a_mailbox_is_full(pair: Pair) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", pair.port)
    writer.write(ASKED)
    assert not await closed(reader, 2 * HEAD_S)

    pair.empty()
    async with asyncio.timeout(SOON_S):
        while not (moved := list(handover.receive(pair.inbox))):  # noqa: ASYNC110 - a mailbox has no event
            await asyncio.sleep(0.01)
        assert [each.read for each in moved] == [ASKED]
        moved[0].connection.sendall(b"here")
        assert await reader.readexactly(4) == b"here"
    moved[0].connection.close()
    writer.close()


async def test_a_mailbox_that_stays_full_ends_it(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "GIVE_UP_S", 2 * HEAD_S)
    reader, writer = await asyncio.open_connection("127.0.0.1", pair.port)
    writer.write(ASKED)

    assert not await closed(reader, 1.5 * HEAD_S)
    assert await closed(reader, SOON_S)
    writer.close()
