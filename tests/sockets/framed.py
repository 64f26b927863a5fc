"""A websocket client that writes its frames by hand, well or badly, and reads only when told to."""

import asyncio
import os
import socket
from typing import Self

from websockets.utils import apply_mask

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
WITHIN_S = 5


def encoded(payload: bytes, opcode: int = TEXT, *, fin: bool = True, masked: bool = True, head: int = 0) -> bytes:
    """One frame from a client; `head` adds bits to its first byte."""
    first = bytes((opcode | head | (0x80 if fin else 0),))
    mask_bit, size = (0x80 if masked else 0), len(payload)
    if size < 126:
        length = bytes((mask_bit | size,))
    elif size < 65_536:
        length = bytes((mask_bit | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((mask_bit | 127,)) + size.to_bytes(8, "big")
    mask = os.urandom(4)
    return first + length + (mask + apply_mask(payload, mask) if masked else payload)


class Framed:
    """A websocket after its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int, *, sid: str | None = None) -> Self:
        """Shake hands; with `sid`, as the second transport of that session. The kernel holds little unread."""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=raw, limit=16 * 1024)
        session = f"&sid={sid}" if sid else ""
        writer.write(
            f"GET /socket.io/?EIO=4&transport=websocket{session} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return cls(reader, writer)

    def send(self, packet: str) -> None:
        """One packet in one frame."""
        self.writer.write(encoded(packet.encode()))

    async def frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame."""
        async with asyncio.timeout(WITHIN_S):
            first, length = await self.reader.readexactly(2)
            if length > 125:
                length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
            return first & 0x0F, await self.reader.readexactly(length)

    async def packet(self) -> str:
        """The next packet that is no ping; pings are answered."""
        while (frame := await self.frame()) == (TEXT, b"2"):
            self.send("3")
        assert frame[0] == TEXT, frame
        return frame[1].decode()

    async def closed_with(self) -> tuple[int, str]:
        """Code and reason of the close frame that comes next, and the connection's end after it."""
        while (frame := await self.frame())[0] != CLOSE:
            pass
        async with asyncio.timeout(WITHIN_S):
            assert await self.reader.read() == b""
        return int.from_bytes(frame[1][:2], "big"), frame[1][2:].decode()

    def leave(self) -> None:
        """Be gone without a word."""
        self.writer.transport.abort()
