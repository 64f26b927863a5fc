"""Socket.IO clients that are fast enough for a storm and keep every frame they are sent.

By hand, because a stock client costs more a frame than the server; they read everything and understand what they
need: pings, acknowledgements, and the events of rooms.
"""

import asyncio
import base64
import os
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import Raw, Struct

from storm.history import ASKED, JOINED, LEFT, STREAMED, Heard

WITHIN_S = 20
KEPT = httpx.Limits(keepalive_expiry=1.0)
"""An idle connection is given up long before the server does so: else a request may meet its closing."""
BETWEEN = b"\x1e"
_PATH = "/socket.io/?EIO=4&transport="
_FIN, _OPCODE, _CLOSE = 0x80, 0x0F, 0x8
_encode = msgspec.json.encode


class _Where(Struct, rename="camel"):
    project_id: str = ""
    position: int | None = None


class _Named(Struct, array_like=True):
    name: str
    payload: Raw


_named = msgspec.json.Decoder(_Named)
_where = msgspec.json.Decoder(_Where)


class Papers:
    """Payloads that many clients are sent are kept once."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, int], bytes] = {}
        self.frames = 0

    def keep(self, project_id: str, position: int, payload: bytes) -> bytes:
        """The same bytes, of the first who was sent them if they are equal."""
        self.frames += 1
        first = self._first.setdefault((project_id, position), payload)
        return first if first == payload else payload


class Client:
    """A client on the main namespace, whatever carries it."""

    def __init__(self, papers: Papers, user_id: str) -> None:
        self.user_id = user_id
        self.streams: dict[str, list[Heard]] = {}
        self.welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.refused: str | None = None
        self.closed_at: float | None = None
        """On the monotonic clock."""
        self.closed = asyncio.Event()
        self._papers = papers
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._rooms: set[str] = set()
        self._changed: dict[str, asyncio.Event] = {}
        self._numbers = 0
        self._why = ""

    def send(self, packet: bytes) -> None:
        """One Engine.IO packet."""
        raise NotImplementedError

    def ask(self, event: str, payload: dict[str, Any]) -> "asyncio.Future[dict[str, Any]]":
        """Emit an event now; the future is its acknowledgement, `{"ok": False, "error": {"code": "closed"}}` where
        the connection ended before."""
        self._numbers += 1
        answer = self._asked[self._numbers] = asyncio.get_running_loop().create_future()
        if self.closed_at is None:
            self.send(b"42%d%b" % (self._numbers, _encode([event, payload])))
        else:
            self._give_up()
        return answer

    def join(self, project_id: str, after: int | None = None) -> "asyncio.Future[dict[str, Any]]":
        """Ask for the board, or for what came after a position. One at a time."""
        self.streams.setdefault(project_id, []).append(Heard(ASKED, after, b""))
        resuming = {} if after is None else {"position": after}
        return self.ask(ASKED, {"projectId": project_id, **resuming})

    def in_room(self, project_id: str) -> bool:
        """Whether it was told that it is in, and not that it is out again."""
        return project_id in self._rooms

    def last(self, project_id: str) -> int:
        """The last position it knows of; 0 where it knows none."""
        stream = reversed(self.streams.get(project_id, ()))
        return next((each.position for each in stream if each.position and each.name != ASKED), 0)

    async def out(self, project_id: str) -> None:
        """Wait until it is told that it is out of the room; a TimeoutError where it is not."""
        await self._until_in(project_id, False)

    async def entered(self, project_id: str) -> None:
        """Wait until it is told that it is in the room; a TimeoutError where it is not."""
        await self._until_in(project_id, True)

    async def _until_in(self, project_id: str, wanted: bool) -> None:
        async with asyncio.timeout(WITHIN_S):
            while self.in_room(project_id) is not wanted:
                if self.closed_at is not None:
                    raise TimeoutError(self._why)
                event = self._changed.setdefault(project_id, asyncio.Event())
                event.clear()
                await event.wait()

    async def up_to(self, project_id: str, position: int) -> None:
        """Wait until it has heard this position; a TimeoutError where it does not."""
        async with asyncio.timeout(WITHIN_S):
            while self.last(project_id) < position:  # noqa: ASYNC110 - frames are far too many to wake for each
                await asyncio.sleep(0.01)

    def take(self, packet: bytes) -> None:
        """Take one packet."""
        kind = packet[:2]
        if kind == b"42":
            self._hear(packet)
        elif kind == b"43":
            number, _, rest = packet[2:].partition(b"[")
            self._asked.pop(int(number)).set_result(msgspec.json.decode(b"[" + rest)[0])
        elif packet == b"2":
            self.send(b"3")
        elif packet[:1] == b"0":
            self.opened(msgspec.json.decode(packet[1:])["sid"])
        elif kind == b"44":
            self.refused = msgspec.json.decode(packet[2:])["data"]["code"]
            self.welcomed.set_result(None)

    def opened(self, sid: str) -> None:
        """Hear of the session's id."""

    def ended(self, why: str) -> None:
        """Hear that the connection is over."""
        if self.closed_at is None:
            self.closed_at, self._why = time.monotonic(), why
            self.closed.set()
            self._give_up()
            for each in self._changed.values():
                each.set()
            if not self.welcomed.done():
                self.welcomed.set_exception(ConnectionError("closed before the welcome"))

    def _give_up(self) -> None:
        asked, self._asked = self._asked, {}
        for each in asked.values():
            if not each.done():
                each.set_result({"ok": False, "error": {"code": "closed", "why": self._why}})

    def _hear(self, packet: bytes) -> None:
        named = _named.decode(packet[2:])
        name, payload = named.name, bytes(named.payload)
        if name == "welcome":
            self.welcomed.set_result(None)
        elif name in STREAMED or name in {JOINED, LEFT}:
            where = _where.decode(payload)
            if name in STREAMED and where.position is not None:
                payload = self._papers.keep(where.project_id, where.position, payload)
            self.streams.setdefault(where.project_id, []).append(Heard(name, where.position, payload))
            if name not in STREAMED:
                self._moved(where.project_id, came=name == JOINED)

    def _moved(self, project_id: str, *, came: bool) -> None:
        if came:
            self._rooms.add(project_id)
        else:
            self._rooms.discard(project_id)
        if project_id in self._changed:
            self._changed[project_id].set()


class Socket(Client, asyncio.Protocol):
    """By websocket."""

    def __init__(self, papers: Papers, user_id: str, request: bytes, token: str) -> None:
        super().__init__(papers, user_id)
        self._request, self._auth = request, b"40" + _encode({"token": token})
        self._rest, self._message = b"", b""
        self._open = False
        self._transport: Any = None

    @classmethod
    async def connect(cls, url: str, token: str, papers: Papers, user_id: str) -> "Socket":
        """Connect and wait for the welcome, or for why there is none (`refused`)."""
        at = urlsplit(url)
        key = base64.b64encode(os.urandom(16)).decode()
        request = (
            f"GET {_PATH}websocket HTTP/1.1\r\nHost: {at.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(
            lambda: cls(papers, user_id, request.encode(), token), at.hostname, at.port
        )
        async with asyncio.timeout(WITHIN_S):
            await socket.welcomed
        return socket

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        self.ended(f"connection lost: {error}")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if not self._open:
            head, found, self._rest = self._rest.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            if b" 101 " not in head[:20]:
                raise ConnectionError(head.decode())
            self._open = True
        self._read()

    def send(self, packet: bytes) -> None:
        """One packet, masked with nothing."""
        size = len(packet)
        head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
        if self._transport and self.closed_at is None:
            self._transport.write(head + b"\0\0\0\0" + packet)

    async def close(self) -> None:
        """Go away."""
        if self._transport:
            self._transport.close()

    def opened(self, sid: str) -> None:
        """Show the token."""
        self.send(self._auth)

    def _read(self) -> None:
        data, start, end = self._rest, 0, len(self._rest)
        while end - start >= 2:
            size, begin = data[start + 1], start + 2
            if size >= 126:
                begin += 2 if size == 126 else 8
                if begin > end:
                    break
                size = int.from_bytes(data[start + 2 : begin], "big")
            if begin + size > end:
                break
            self._frame(data[start], data[begin : begin + size])
            start = begin + size
        self._rest = data[start:]

    def _frame(self, head: int, payload: bytes) -> None:
        if head & _OPCODE == _CLOSE:
            self.ended(f"closed by the server: {payload!r}")
            self._transport.close()
        elif not head & _FIN:
            self._message += payload
        elif self._message:
            whole, self._message = self._message + payload, b""
            self.take(whole)
        else:
            self.take(payload)


class Poller(Client):
    """By long polling."""

    def __init__(self, url: str, token: str, papers: Papers, user_id: str) -> None:
        super().__init__(papers, user_id)
        self._http = httpx.AsyncClient(base_url=url, timeout=2 * WITHIN_S, limits=KEPT)
        self._path, self._token = _PATH + "polling", token
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def connect(cls, url: str, token: str, papers: Papers, user_id: str) -> "Poller":
        """Connect and wait for the welcome, or for why there is none (`refused`)."""
        self = cls(url, token, papers, user_id)
        await self._poll()
        self._tasks = [asyncio.create_task(each) for each in (self._polling(), self._posting())]
        async with asyncio.timeout(WITHIN_S):
            await self.welcomed
        return self

    def send(self, packet: bytes) -> None:
        """One packet, after those before."""
        self._outgoing.put_nowait(packet)

    async def close(self) -> None:
        """Go away."""
        for each in self._tasks:
            each.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()
        self.ended("closed by itself")

    def opened(self, sid: str) -> None:
        """Show the token."""
        self._path += f"&sid={sid}"
        self.send(b"40" + _encode({"token": self._token}))

    async def _polling(self) -> None:
        try:
            while self.closed_at is None:
                await self._poll()
        except httpx.HTTPError as error:
            self.ended(f"polling failed: {error!r}")

    async def _poll(self) -> None:
        answer = await self._http.get(self._path)
        if answer.status_code != httpx.codes.OK:
            self.ended(f"a poll was answered {answer.status_code} {answer.text}")
            return
        for packet in answer.content.split(BETWEEN):
            if packet == b"1":
                self.ended("closed by the server")
            else:
                self.take(packet)

    async def _posting(self) -> None:
        try:
            await self._post()
        except httpx.HTTPError as error:
            self.ended(f"posting failed: {error!r}")

    async def _post(self) -> None:
        while True:
            packets = [await self._outgoing.get()]
            while not self._outgoing.empty():
                packets.append(self._outgoing.get_nowait())
            answer = await self._http.post(self._path, content=BETWEEN.join(packets))
            if answer.status_code != httpx.codes.OK:
                self.ended(f"a POST was answered {answer.status_code} {answer.text}")
