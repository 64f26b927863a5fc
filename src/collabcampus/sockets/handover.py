"""Connections that move between worker processes.

The parent accepts and deals connections out; a worker that is asked for another worker's session (long polling, or
the upgrade from it) hands the connection over. Both send a duplicate of its descriptor (SCM_RIGHTS) with the bytes
read so far to the mailbox of the one who shall have it: one datagram a connection, so that many may write to one.
"""

import asyncio
import mmap
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from msgspec import Struct

from collabcampus.sockets.punctual import PunctualProtocol

SESSIONS_AT = b"/socket.io/"
LONGEST_REQUEST_LINE = 8_192
INLINE = 32_768 if sys.platform == "linux" else 1_500
"""Bytes that travel in the datagram itself; more are put into a file that travels beside the connection."""
LARGEST_READ = 1_048_576
DEALT_AT_ONCE = 64
RETRY_S = 0.002
GIVE_UP_S = 10.0
PREFIX_LENGTH = 3
_GONE, _LIVES, _LEAVES = range(3)


class Moved(Struct, frozen=True):
    """A connection on its way, with what was read of it."""

    connection: socket.socket
    read: bytes


def session_prefix(worker: int | None, node: str = "") -> str:
    """What the session ids begin with of a worker, if there are several, and of a node, if it has a name.

    The name stands second, for a balancer to find it: `0.a.…`.
    """
    if node:
        return f"{worker or 0}.{node}."
    return "" if worker is None else f"{worker}."


def owner_of(head: bytes) -> int | None:
    """The worker whose session a request asks for, by its first line; None where it asks for none."""
    line = head.partition(b"\n")[0]
    if SESSIONS_AT not in line or b"sid=" not in line:
        return None
    target = line.partition(b" ")[2].partition(b" ")[0]
    path, _, query = target.partition(b"?")
    sid = parse_qs(query.decode("latin-1")).get("sid", [""])[0]
    number, dot, _ = sid.partition(".")
    if path.startswith(SESSIONS_AT) and dot and len(number) < PREFIX_LENGTH and number.isascii() and number.isdigit():
        return int(number)
    return None


def send(outbox: socket.socket, moved: Moved) -> None:
    """Put a connection into a mailbox; BlockingIOError where it is full. The sender's descriptor stays open."""
    if len(moved.read) <= INLINE:
        socket.send_fds(outbox, [b"=" + moved.read], [moved.connection.fileno()])
        return
    with tempfile.TemporaryFile() as file:
        file.write(moved.read)
        file.flush()
        socket.send_fds(outbox, [b"+"], [moved.connection.fileno(), file.fileno()])


def receive(inbox: socket.socket) -> Iterator[Moved]:
    """What lies in a mailbox, up to a bound."""
    for _ in range(DEALT_AT_ONCE):
        try:
            text, descriptors, _, _ = socket.recv_fds(inbox, INLINE + 1, 2)
        except BlockingIOError:
            return
        if not descriptors:
            continue
        read = text[1:]
        if text[:1] == b"+":
            with os.fdopen(descriptors[1], "rb") as file:
                file.seek(0)
                read = file.read(LARGEST_READ)
        yield Moved(socket.socket(fileno=descriptors[0]), read)


class Living:
    """Which workers take connections: a byte each, written by the parent and read by all.

    One that leaves takes those of its own sessions alone, as long as others can have the rest.
    """

    def __init__(self, file: int, workers: int) -> None:
        self._bytes = mmap.mmap(file, workers)
        self._workers = workers

    def __contains__(self, worker: int) -> bool:
        return worker < self._workers and self._bytes[worker] != _GONE

    def set(self, worker: int, living: bool) -> None:
        """Say whether a worker takes connections."""
        self._bytes[worker] = _LIVES if living else _GONE

    def stays(self, worker: int) -> bool:
        """Whether a worker takes connections, and goes on to."""
        return self._bytes[worker] == _LIVES

    def leave(self, worker: int) -> None:
        """Say that a worker leaves."""
        self._bytes[worker] = _LEAVES

    def takers(self) -> list[int]:
        """Who is dealt connections: those that stay, or else those that are still there."""
        staying = [each for each in range(self._workers) if self._bytes[each] == _LIVES]
        return staying or [each for each in range(self._workers) if each in self]


class Colleagues:
    """A worker's side: its own mailbox, those of the others, and who lives."""

    def __init__(self, own: int, inbox: socket.socket, outboxes: list[socket.socket], living: Living) -> None:
        self._own, self._inbox, self._outboxes, self._living = own, inbox, outboxes, living
        self._tasks: set[asyncio.Task[Any]] = set()

    def open(self, protocol: Callable[[bytes], "MovingProtocol"]) -> None:
        """Take connections from now on; `protocol` makes one for a connection and the bytes read of it."""
        self._inbox.setblocking(False)
        asyncio.get_running_loop().add_reader(self._inbox.fileno(), self._take, protocol)

    def close(self) -> None:
        """Take none any more; the parent deals to others what still lies in the mailbox."""
        asyncio.get_running_loop().remove_reader(self._inbox.fileno())

    def hand_over(self, owner: int, transport: asyncio.Transport, read: bytes) -> bool:
        """Move a connection to its session's owner; False where it is ours, or the owner's end."""
        if owner == self._own or owner not in self._living:
            return False
        transport.pause_reading()
        self._start(self._send(owner, transport, read))
        return True

    def _take(self, protocol: Callable[[bytes], "MovingProtocol"]) -> None:
        for moved in receive(self._inbox):
            self._start(self._continue(moved, protocol))

    async def _continue(self, moved: Moved, protocol: Callable[[bytes], "MovingProtocol"]) -> None:
        moved.connection.setblocking(False)
        with suppress(OSError):  # the client may be gone already
            moved.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: protocol(moved.read), moved.connection)

    async def _send(self, owner: int, transport: asyncio.Transport, read: bytes) -> None:
        deadline = asyncio.get_running_loop().time() + GIVE_UP_S
        while not transport.is_closing():
            try:
                send(self._outboxes[owner], Moved(transport.get_extra_info("socket"), read))
                transport.close()  # which closes our descriptor and not the connection: the owner has another
            except OSError:  # its mailbox is full for the moment
                if asyncio.get_running_loop().time() > deadline:
                    transport.abort()
                await asyncio.sleep(RETRY_S)

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class MovingProtocol(PunctualProtocol):
    """HTTP that between two requests looks whose session the next one asks for."""

    def __init__(self, *arguments: Any, colleagues: Colleagues, read: bytes = b"", **options: Any) -> None:
        """`read` is what another process has read of this connection already."""
        super().__init__(*arguments, **options)
        self._colleagues, self._read = colleagues, read
        self._between_requests, self._head = True, b""

    def connection_made(self, transport: Any) -> None:
        """Begin, with what was read elsewhere."""
        super().connection_made(transport)
        read, self._read = self._read, b""
        if read:
            self.data_received(read)

    def data_received(self, data: bytes) -> None:
        """Take bytes; nothing is parsed before the first line of a request is there."""
        if not self._between_requests:
            super().data_received(data)
            return
        head = self._head + data
        if b"\n" not in head and len(head) < LONGEST_REQUEST_LINE:
            self._head = head
            self._unset_keepalive_if_required()
            return
        self._head = b""
        owner = owner_of(head)
        if owner is not None and self._idle and self._colleagues.hand_over(owner, self.transport, head):
            self._expect(None)  # what it waits for now is a colleague, for GIVE_UP_S
        else:
            super().data_received(head)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._between_requests = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """A request has been read."""
        self._between_requests = True
        super().on_message_complete()

    @property
    def _idle(self) -> bool:
        """Nothing is being answered, and every answer has left: only then may somebody else go on."""
        return self._answered and not self.transport.get_write_buffer_size()
