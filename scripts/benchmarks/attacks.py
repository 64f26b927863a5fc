"""One attacker: a process of its own that does one thing to the server from an address of its own, for a while.

    attacks.py NAME     what it needs comes as one line of JSON on standard input (`Told`)

Says `{"phase": "attacking"}` once it has begun. Then it goes on until a second line comes, stops, keeps open what it
has open, prints what it counted, and ends when standard input does. It makes at most CONNECTIONS_AT_MOST connections.
"""

import base64
import itertools
import json
import os
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

CONNECTIONS_AT_MOST = 20_000
LONGEST_S = 60.0
PATIENCE_S = 5.0
FRAME_LIMIT = 64 * 1024
UPGRADES_AT_ONCE, SILENT, FLOODING, STALLED = 100, 200, 50, 20
READ_AT_ONCE = 256 * 1024
STEP_S = 0.02
LEAST_BUFFER = 4_096
COLUMNS = ("in-progress", "done", "todo")
TEXT = 0x1


@dataclass(frozen=True)
class Told:
    """Where and as whom: the project of the tokens' people with its tasks, and the room of the well-behaved."""

    port: int
    source: str
    tokens: list[str]
    project: str
    tasks: list[str]
    room: str
    insiders: list[str]
    """Tokens of people who may enter the room."""


class Refused(Exception):
    """The server let somebody not in, or is gone."""


def frame(payload: str) -> bytes:
    """A text frame whose mask is zeros: it goes as it is."""
    data = payload.encode()
    size = len(data)
    if size < 126:
        length = bytes((0x80 | size,))
    elif size < 65_536:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return bytes((0x80 | TEXT,)) + length + bytes(4) + data


class Attacker:
    """What all attacks do: connect, count, and look whether it is over."""

    def __init__(self, told: Told) -> None:
        self.told, self.counted = told, Counter[str]()
        self.open: set[socket.socket] = set()
        self._ends = time.monotonic() + LONGEST_S
        self._tokens = itertools.cycle(told.tokens)
        self._told_to_stop = selectors.DefaultSelector()
        self._told_to_stop.register(sys.stdin.fileno(), selectors.EVENT_READ)

    @property
    def over(self) -> bool:
        """Whether it was told to stop, has gone on for long, or has used up its connections."""
        spent = self.counted["opened"] >= CONNECTIONS_AT_MOST
        return bool(self._told_to_stop.select(0)) or spent or time.monotonic() > self._ends

    def connect(self, *, reads: bool = True) -> socket.socket:
        """A connection; the kernel keeps little for one that never reads."""
        made = socket.socket()
        made.settimeout(PATIENCE_S)
        if not reads:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LEAST_BUFFER)
        try:
            made.bind((self.told.source, 0))
            made.connect(("127.0.0.1", self.told.port))
        except OSError as error:
            made.close()
            raise Refused from error
        self.counted["opened"] += 1
        self.open.add(made)
        return made

    def drop(self, connection: socket.socket) -> None:
        """Leave."""
        self.open.discard(connection)
        connection.close()

    def websocket(self, sid: str = "", *, reads: bool = True) -> socket.socket:
        """A websocket after its handshake; with `sid`, as the second transport of that session."""
        made = self.connect(reads=reads)
        key = base64.b64encode(os.urandom(16)).decode()
        session = f"&sid={sid}" if sid else ""
        asked = (
            f"GET /socket.io/?EIO=4&transport=websocket{session} HTTP/1.1\r\nHost: 127.0.0.1:{self.told.port}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n"
        )
        self.ask(made, asked.encode(), b"\r\n\r\n")
        return made

    def ask(self, connection: socket.socket, sent: bytes, until: bytes) -> bytes:
        """Send, and read until something comes; Refused where it does not."""
        answer = b""
        try:
            connection.sendall(sent)
            while until not in answer:
                more = connection.recv(READ_AT_ONCE)
                if not more:
                    raise ConnectionResetError
                answer += more
        except OSError as error:
            self.counted["closed"] += 1
            self.drop(connection)
            raise Refused from error
        self.counted["limited"] += answer.count(b"rate_limited") + answer.count(b" 429 ")
        return answer

    def member(self, token: str, room: str = "", *, reads: bool = True) -> socket.socket:
        """A client that is connected to the main namespace, and in a room if one is named."""
        made = self.websocket(reads=reads)
        self.ask(made, frame(f'40{{"token":"{token}"}}'), b'["welcome"')
        if room:
            self.ask(made, frame(f'421["join_project",{{"projectId":"{room}"}}]'), b"431[")
        return made

    def several(self, count: int, one: Callable[[], object]) -> None:
        """Do something so many times, whoever is kept out."""
        for _ in range(count):
            try:
                one()
            except Refused:
                self.counted["kept out"] += 1

    def outsider(self) -> socket.socket:
        """A client of the next of the attackers' own people."""
        return self.member(next(self._tokens))

    def begun(self) -> None:
        """Tell that the attack is under way."""
        print('{"phase":"attacking"}', flush=True)

    def flood(self, connect: Callable[[], socket.socket], count: int, frames: Iterable[str]) -> None:
        """The same frames again and again on so many connections, as fast as they go; who is closed comes back."""
        data = b"".join(map(frame, frames))
        waiting = selectors.DefaultSelector()
        at: dict[socket.socket, int] = {}
        self.begun()
        while not self.over:
            if len(at) < count:
                self._come(connect, at, waiting)
            for key, events in waiting.select(STEP_S):
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                if not self._pump(connection, events, data, at):
                    waiting.unregister(connection)
                    del at[connection]
                    self.drop(connection)

    def _come(
        self, connect: Callable[[], socket.socket], at: dict[socket.socket, int], waiting: selectors.BaseSelector
    ) -> None:
        try:
            made = connect()
        except Refused:
            self.counted["kept out"] += 1
            time.sleep(STEP_S)
            return
        made.setblocking(False)
        waiting.register(made, selectors.EVENT_READ | selectors.EVENT_WRITE)
        at[made] = 0

    def _pump(self, connection: socket.socket, events: int, data: bytes, at: dict[socket.socket, int]) -> bool:
        """Read what is there, write what fits; False where the server has closed."""
        try:
            if events & selectors.EVENT_READ:
                heard = connection.recv(READ_AT_ONCE)
                if not heard:
                    raise ConnectionResetError
                self.counted["limited"] += heard.count(b"rate_limited") + heard.count(b'"overloaded"')
            if events & selectors.EVENT_WRITE:
                sent = connection.send(memoryview(data)[at[connection] :])
                self.counted["bytes"] += sent
                at[connection] = (at[connection] + sent) % len(data)
        except BlockingIOError:
            pass
        except OSError:
            self.counted["closed"] += 1
            return False
        return True


def burning(attacker: Attacker) -> None:
    """The control: nothing but CPU time."""
    attacker.begun()
    while not attacker.over:
        sum(range(10_000))


def stalled(attacker: Attacker) -> None:
    """Members of the room who never read."""
    insiders = itertools.cycle(attacker.told.insiders)
    attacker.several(STALLED, lambda: attacker.member(next(insiders), attacker.told.room, reads=False))
    wait(attacker)


def vanished(attacker: Attacker) -> None:
    """The same, and their process is stopped from outside: the kernel takes a little, nobody answers a ping."""
    stalled(attacker)


def wait(attacker: Attacker) -> None:
    """Do nothing until told."""
    attacker.begun()
    while not attacker.over:
        time.sleep(STEP_S)


def moves(told: Told) -> Iterator[str]:
    """Moves that change something each time, over the tasks of the attackers' own project."""
    for status in COLUMNS:
        for number, task in enumerate(told.tasks, 1):
            yield f'42{number}["task_moved",{{"taskId":"{task}","projectId":"{told.project}","status":"{status}"}}]'


def events_1(attacker: Attacker) -> None:
    """Commands as fast as one socket can send them."""
    token = attacker.told.tokens[0]
    attacker.flood(lambda: attacker.member(token), 1, moves(attacker.told))


def events_50(attacker: Attacker) -> None:
    """The same on many sockets, of as many people."""
    attacker.flood(attacker.outsider, FLOODING, moves(attacker.told))


def pongs(attacker: Attacker) -> None:
    """Answers to pings nobody sent."""
    attacker.flood(attacker.outsider, FLOODING, ["3"] * 1_000)


def namespaces(attacker: Attacker) -> None:
    """CONNECT to namespaces there are none of, on open sockets."""
    attacker.flood(attacker.outsider, FLOODING, ["40/nowhere,{}"] * 1_000)


def again(attacker: Attacker, one: Callable[[], None]) -> None:
    """The same, from connecting to leaving, as fast as one comes after the other."""
    attacker.begun()
    while not attacker.over:
        try:
            one()
            attacker.counted["done"] += 1
        except Refused:
            attacker.counted["kept out"] += 1


def connects(attacker: Attacker) -> None:
    """New sessions with a good token that leave when they are welcome."""
    again(attacker, lambda: attacker.drop(attacker.outsider()))


def tokens(attacker: Attacker) -> None:
    """New sessions with a bad token, tried again as often as the session lasts."""
    head, body, signature = attacker.told.tokens[0].split(".")
    bad = frame(f'40{{"token":"{head}.{body}.{signature[::-1]}"}}')

    def one() -> None:
        made = attacker.websocket()
        while not attacker.over:
            attacker.ask(made, bad, b"44{")
            attacker.counted["tokens"] += 1
        attacker.drop(made)

    again(attacker, one)


def huge(attacker: Attacker) -> None:
    """Frames one byte beyond what is taken."""
    payload = frame("4" * (FRAME_LIMIT + 1))

    def one() -> None:
        made = attacker.outsider()
        try:
            made.sendall(payload)
            while made.recv(READ_AT_ONCE):
                pass
        except OSError:
            pass
        attacker.counted["closed"] += 1
        attacker.drop(made)

    again(attacker, one)


def upgrades(attacker: Attacker) -> None:
    """Polling sessions that begin to move to a websocket and never do."""
    held: list[socket.socket] = []

    def one() -> None:
        polling = attacker.connect()
        answer = _get(attacker, polling, "", b'"sid"')
        sid = answer.split(b'"sid":"')[1].split(b'"')[0].decode()
        attacker.drop(polling)
        probing = attacker.websocket(sid)
        attacker.ask(probing, frame("2probe"), b"3probe")
        held.append(probing)
        if len(held) > UPGRADES_AT_ONCE:
            attacker.drop(held.pop(0))

    again(attacker, one)


def unknown(attacker: Attacker) -> None:
    """Polls of a session there is none of, one after the other on one connection."""

    def one() -> None:
        polling = attacker.connect()
        while not attacker.over:
            _get(attacker, polling, "&sid=nobody", b"Invalid session")
            attacker.counted["polls"] += 1
        attacker.drop(polling)

    again(attacker, one)


def _get(attacker: Attacker, connection: socket.socket, session: str, until: bytes) -> bytes:
    path = f"/socket.io/?EIO=4&transport=polling{session}"
    return attacker.ask(connection, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode(), until)


def silent(attacker: Attacker) -> None:
    """Connections that say nothing, half a request line, or half a body, and then wait."""
    halves = (
        b"", b"GET /socket.io/?EIO=4", b"GET / HTTP/1.1\r\nHost: here\r\nX-More: ",
        b"POST /login HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
    )  # fmt: skip
    half = itertools.cycle(halves)
    attacker.several(SILENT, lambda: attacker.connect().sendall(next(half)))
    wait(attacker)


ATTACKS: dict[str, Callable[[Attacker], None]] = {
    "burning": burning, "vanished": vanished, "stalled": stalled, "silent": silent, "events-1": events_1,
    "events-50": events_50, "pongs": pongs, "namespaces": namespaces, "connects": connects, "tokens": tokens,
    "huge": huge, "upgrades": upgrades, "unknown": unknown,
}  # fmt: skip
"""By name; the first is the control."""


def main() -> None:
    """Attack as told."""
    name, told = sys.argv[1], Told(**json.loads(sys.stdin.buffer.raw.readline()))
    attacker = Attacker(told)
    try:
        ATTACKS[name](attacker)
        said = {"phase": "ended", **attacker.counted}
    except Refused as refused:
        said = {"phase": "failed", "why": str(refused.__cause__)}
    print(json.dumps(said), flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
