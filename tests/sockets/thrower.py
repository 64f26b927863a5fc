"""A client that throws anything at a server, and sees that each thing is answered or closes the connection."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import httpx
from msgspec import Struct, field

from collabcampus.settings import BODY_LIMIT
from collabcampus.sockets.packets import Asked, Malformed, read
from sockets.framed import CLOSE, TEXT, Framed, encoded
from sockets.garbage import Thrown

ANSWERED_WITHIN_S = 5
BINARY = 0x2
LAST = 987_654_321
ASK_LAST = f'42{LAST}["no_such_event"]'
INSIDES = ("Traceback", 'File "', "psycopg", "site-packages", ".py", "Error:", "SELECT ")
"""What an answer holds that tells of an error's insides."""

NOT_UTF8 = "Invalid UTF-8 sequence received from client."
"""What uvicorn's own websockets log of a text that is none, and close."""


class Tally(Struct):
    """What was thrown, and what came of it."""

    packets: int = 0
    handled: int = 0
    closed: int = 0
    polled: int = 0
    findings: list[str] = field(default_factory=list)


def _fitting(packets: list[str]) -> list[str]:
    """As many from the first as one body may hold."""
    ends = accumulate(len(each.encode("utf-8", "replace")) + 1 for each in packets)
    return [packet for packet, end in zip(packets, ends, strict=True) if end <= BODY_LIMIT]


class Thrower:
    """Throws packets at one server. `auth` is what it connects with."""

    def __init__(self, port: int, auth: dict[str, Any], tally: Tally) -> None:
        self._port, self._auth, self._tally = port, auth, tally
        self._client: Framed | None = None
        self._answered: Counter[int] = Counter()

    async def throw(self, batch: Sequence[Thrown]) -> None:
        """Throw all of it by websocket, on a new connection wherever the last was closed."""
        expected: Counter[int] = Counter()
        for packet in batch:
            asked = event_in(packet)
            if asked is None:
                await self._settle(expected)
                await self._provoke(packet)
            else:
                await self._send(packet)
                expected.update(() if asked.ack_id is None else (asked.ack_id,))
        await self._settle(expected)

    async def poll(self, batch: Sequence[Thrown]) -> None:
        """Throw it by polling, up to the first thing that is no event."""
        events = _fitting([each for each in batch if isinstance(each, str) and "\x1e" not in each and event_in(each)])
        others = [each for each in batch if isinstance(each, str) and "\x1e" not in each and not event_in(each)][:1]
        async with httpx.AsyncClient(timeout=ANSWERED_WITHIN_S, verify=False) as http:
            address = f"http://127.0.0.1:{self._port}/socket.io/?EIO=4&transport=polling"
            address += "&sid=" + json.loads((await http.get(address)).text[1:])["sid"]
            await http.post(address, content="40" + json.dumps(self._auth))
            assert (await http.get(address)).text.startswith("40{")
            self._count([*events, *others], polled=True)
            for body in ("\x1e".join(events), *others):
                try:
                    status = await self._exchange(http, address, body)
                except httpx.TimeoutException:
                    self._require(False, f"no answer by polling: {body!r}")
                    return
                if status == 400:
                    self._require(body in others, f"well-formed, yet refused by polling: {body!r}")
                    return
                self._require(body not in others or not must_close(body), f"not closed by polling: {body!r}")
            await http.post(address, content="1")

    async def leave(self) -> None:
        """Go away."""
        if self._client:
            self._client.leave()
            self._client = None

    async def _exchange(self, http: httpx.AsyncClient, address: str, body: str) -> int:
        """Post a body and read the answers to it: 200, or 400 where it ended the session."""
        for each in (body, ASK_LAST):
            status = (await http.post(address, content=each)).status_code
            if status != 200:
                self._require(status == 400 or not each, f"answered {status}: {body!r}")
                return 400 if each else 200
        while True:
            heard = await http.get(address)
            if heard.status_code != 200:
                return heard.status_code
            for packet in heard.text.split("\x1e"):
                self._hear(packet)
            if self._answered.pop(LAST, 0):
                self._tally.handled += self._answered.total()
                self._answered.clear()
                return 200

    async def _send(self, packet: Thrown) -> None:
        if self._client is None:
            self._client = await self._connected()
        self._count([packet])
        self._write(self._client, packet)

    async def _connected(self) -> Framed:
        began, client = time.monotonic(), await Framed.open(self._port)
        heard: list[str] = []
        client.send("40" + json.dumps(self._auth))
        while not heard or not heard[-1].startswith("40{"):
            try:
                heard.append(await client.packet())
            except (AssertionError, OSError, EOFError, TimeoutError) as error:
                raise AssertionError(f"not let in after {time.monotonic() - began:.1f} s: {heard}") from error
        return client

    async def _settle(self, expected: Counter[int]) -> None:
        """Every event thrown so far is answered, as often as it asked to be."""
        if self._client is None:
            return
        self._require(await self._outcome() == "answered", "well-formed events ended in no answer")
        self._require(self._answered == expected, f"asked for {expected}, answered {self._answered}")
        self._tally.handled += self._answered.total()
        self._answered.clear()
        expected.clear()

    async def _provoke(self, packet: Thrown) -> None:
        await self._send(packet)
        outcome = await self._outcome()
        self._answered.clear()
        if outcome == "closed":
            self._tally.closed += 1
        else:
            self._require(outcome == "answered", f"neither closed nor answered: {packet!r}")
            self._require(not must_close(packet), f"not closed: {packet!r}")

    async def _outcome(self) -> str:
        """Ask one thing more, and say what comes: `answered`, `closed` or `nothing`."""
        client = self._client
        assert client
        client.send(ASK_LAST)
        try:
            while not self._answered[LAST]:
                opcode, payload = await client.frame()
                if opcode == CLOSE:
                    raise ConnectionError
                if opcode == TEXT:
                    self._hear(payload.decode())
        except TimeoutError:
            await self.leave()
            return "nothing"
        except (asyncio.IncompleteReadError, ConnectionError):
            await self.leave()
            return "closed"
        del self._answered[LAST]
        return "answered"

    def _hear(self, packet: str) -> None:
        if packet.startswith("43") and (number := packet[2 : packet.find("[")]).isdigit():
            self._answered[int(number)] += 1
        elif packet == "2" and self._client:
            self._client.send("3")
        self._require(not any(each in packet for each in INSIDES), f"tells of the inside: {packet!r}")

    def _write(self, client: Framed, packet: Thrown) -> None:
        if isinstance(packet, str):
            client.send(packet)
        else:
            client.writer.write(packet if isinstance(packet, bytearray) else encoded(packet, BINARY))

    def _count(self, packets: Sequence[Thrown], *, polled: bool = False) -> None:
        self._tally.packets += len(packets)
        self._tally.polled += len(packets) if polled else 0

    def _require(self, holds: bool, finding: str) -> None:
        if not holds:
            self._tally.findings.append(finding)


def event_in(packet: Thrown) -> Asked | None:
    """The event of the main namespace that a packet is, if it is one."""
    verdict = _verdict(packet)
    return verdict if isinstance(verdict, Asked) else None


def must_close(packet: Thrown) -> bool:
    """Whether it is malformed whoever reads it; attachments are not, to who allows them."""
    return isinstance(packet, str) and packet[1:2] not in ("5", "6") and _verdict(packet) is Malformed


def _verdict(packet: Thrown) -> Any:
    if not isinstance(packet, str) or packet[:1] != "4":
        return None
    try:
        return read(packet[1:])
    except Malformed:
        return Malformed
