"""Websockets without ASGI in between: after the handshake a connection is a parser, a burst of bytes and no task."""

import asyncio
import logging
import os
import weakref
from time import monotonic_ns
from typing import Any, Protocol, cast

from collabcampus.live.pace import Bucket
from collabcampus.sockets.turns import AT_ONCE, IN_A_TURN, turns_of

try:
    from websockets.speedups import apply_mask
except ImportError:  # an interpreter the C extension was not built for
    from websockets.utils import apply_mask

_logger = logging.getLogger(__name__)

FLUSH_AT = 64 * 1024
"""A burst beyond this leaves at once, so that what a stalled client holds is known while it grows."""
CLOSE_WITHIN_S = 10.0
STOP_WITHIN_S = 1.0
FRAMES_A_SECOND, FRAMES_AT_ONCE = 1_000, 5_000
"""Frames of one wire that are no whole text: pings, bytes and fragments."""
LINGER_S = 0.1
"""How long a peer that broke the protocol may take to read why: it is not understood any more."""

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FIN, _RESERVED_BITS, _CONTROL = 0x80, 0x70, 0x08
_WHOLE_TEXT = _FIN | _TEXT
_OPEN, _CLOSING, _DEAF = range(3)
NORMAL, PROTOCOL_ERROR, NOT_UTF8, TOO_OFTEN, TOO_BIG, RESTARTING = 1000, 1002, 1007, 1008, 1009, 1012

REASON_BYTES = 123
_WHY = {
    PROTOCOL_ERROR: "no websocket frame that may come here",
    NOT_UTF8: "text that is not UTF-8",
    TOO_OFTEN: "too many pings, fragments or bytes",
    TOO_BIG: "a packet has at most {limit} bytes",
}
"""What is said to who breaks the protocol, by code: for the eyes of whoever writes the client."""


class Session(Protocol):
    """Who is at the other end of a wire. None of these may wait."""

    def received(self, message: str | bytes) -> None:
        """Take one whole message."""

    def drained(self) -> None:
        """Hear that nearly everything written has left."""

    def lost(self) -> None:
        """Hear, once, that the connection is ending: nothing more comes and nothing more can be written."""


class _Nobody:
    def received(self, message: str | bytes) -> None: ...
    def drained(self) -> None: ...
    def lost(self) -> None: ...


_NOBODY = _Nobody()


class _Broken(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


class _Burst:
    """The wires of one loop that were written to in this iteration; they are flushed at its end, first come first."""

    def __init__(self) -> None:
        self._wires: list[Wire] = []

    def add(self, wire: "Wire") -> None:
        if not self._wires:
            asyncio.get_running_loop().call_soon(self._flush)
        self._wires.append(wire)

    def _flush(self) -> None:
        wires, self._wires = self._wires, []
        for wire in wires:
            try:
                wire.flush()
            except Exception:  # whatever it is, it is no other client's
                _logger.exception("a connection could not be written to")
                wire.abort()


_bursts: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Burst]" = weakref.WeakKeyDictionary()


class Wire(asyncio.Protocol):
    """One websocket, from the end of its handshake to its own end."""

    __slots__ = (
        "_backlog", "_burst", "_connections", "_fd", "_limit", "_message", "_need", "_others", "_pending", "_rest",
        "_session", "_size", "_state", "_text", "_timer", "_transport", "_turns", "paused",
    )  # fmt: skip

    def __init__(
        self,
        transport: asyncio.Transport,
        session: Session,
        connections: set[Any],
        limit: int,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`connections` are uvicorn's, told when it shuts down; `limit` is in bytes of a message."""
        self._transport, self._session, self._connections, self._limit = transport, session, connections, limit
        self._burst = _bursts.get(loop) or _bursts.setdefault(loop, _Burst())
        self._turns = turns_of(loop)
        encrypted = transport.get_extra_info("sslcontext")
        self._fd: int = -1 if encrypted else transport.get_extra_info("socket").fileno()
        self._pending: list[bytes] | None = None
        self._size = 0
        self._state = _OPEN
        self._timer: asyncio.TimerHandle | None = None
        self._backlog: tuple[bytes, int] | None = None  # frames that wait for their turn, and from where on
        self._rest: bytearray | None = None  # the beginning of a frame
        self._need = 0
        self._message: bytearray | None = None  # the beginning of a message in fragments
        self._text = False
        self._others = Bucket(FRAMES_A_SECOND, FRAMES_AT_ONCE)
        self.paused = False
        """Whether the client does not keep up: the transport holds more than its high-water mark."""
        connections.add(self)

    @property
    def unsent(self) -> int:
        """Bytes written that have not left."""
        return self._size + self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """Send frames, encoded already. What is written in one iteration of the loop leaves in one piece.

        The transport could be written to each time instead. With 500 recipients one small frame costs 5 µs of CPU a
        recipient either way, the system call included; three in one iteration cost 6 µs this way and 11 µs that way,
        ten 7 µs and 28 µs. And who was written to first is served first: an acknowledgement leaves before the
        broadcast to hundreds.
        """
        if len(data) > FLUSH_AT:
            self.flush()
            self._give(data)
            return
        if self._pending:
            self._pending.append(data)
        else:
            self._pending = [data]
            self._burst.add(self)
        self._size += len(data)
        if self._size > FLUSH_AT:
            self.flush()

    def flush(self) -> None:
        """Give what is pending to the system, and to the transport what the system does not take."""
        pending = self._pending
        if not pending:
            return
        self._pending, self._size = None, 0
        self._give(pending[0] if len(pending) == 1 else b"".join(pending))

    def _give(self, data: bytes | memoryview) -> None:
        transport = self._transport
        if self._fd >= 0 and not transport.get_write_buffer_size():
            try:
                sent = os.write(self._fd, data)
            except BlockingIOError:
                sent = 0
            except OSError:
                transport.abort()
                return
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
        transport.write(data)

    def hand_to(self, session: Session) -> None:
        """Let another session have this wire."""
        self._session = session

    def abort(self) -> None:
        """Drop the connection with everything unsent."""
        self._transport.abort()

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Say goodbye after everything written, and wait a while for the answer; a long reason is cut."""
        self._part(code, CLOSE_WITHIN_S, reason)
        self._state = max(self._state, _CLOSING)

    def shutdown(self) -> None:
        """Close at once: uvicorn stops."""
        if self._state == _OPEN:
            self._part(RESTARTING, STOP_WITHIN_S)
        self._end(STOP_WITHIN_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._fd, self._state = -1, _DEAF
        self._pending = None
        self._connections.discard(self)
        if self._timer:
            self._timer.cancel()
        self._leave()

    def pause_writing(self) -> None:
        """The transport holds more than its high-water mark."""
        self.paused = True

    def resume_writing(self) -> None:
        """The transport holds less than its low-water mark."""
        self.paused = False
        self._session.drained()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the peer."""
        if self._state == _DEAF:
            return
        if self._backlog:  # encrypted ones may come although reading is paused
            waiting, at = self._backlog
            self._backlog = waiting[at:] + data, 0
            return
        if self._rest is not None:
            self._rest += data
            if len(self._rest) < self._need:
                return
            data, self._rest = bytes(self._rest), None
        at = self._taken(data, 0, AT_ONCE)
        if at < len(data) and not self._transport.is_closing():
            self._backlog = data, at
            self._transport.pause_reading()
            self._turns.add(self._turn)

    def _turn(self) -> bool:
        """Take more of what has come; False once all of it was taken, and more may come."""
        assert self._backlog
        data, at = self._backlog
        try:
            at = self._taken(data, at, IN_A_TURN)
        except Exception:  # whatever it is, it is no other client's
            _logger.exception("what a connection sent could not be taken")
            self.abort()
        if at < len(data) and not self._transport.is_closing():
            self._backlog = data, at
            return True
        self._backlog = None
        if not self._transport.is_closing():
            self._transport.resume_reading()
        return False

    def _taken(self, data: bytes, at: int, most: int) -> int:
        """Take a few frames, from one place on; where the next begins, or the end once there is no more."""
        try:
            if self._state != _DEAF:
                return self._read(data, at, most)
        except _Broken as broken:
            self._fail(broken.code)
        except UnicodeDecodeError:
            self._fail(NOT_UTF8)
        return len(data)

    def _read(self, data: bytes, at: int, most: int) -> int:
        need, size, left = 2, len(data), most
        while size - at >= need:
            if not left:
                return at
            left -= 1
            length = data[at + 1] - _FIN
            if length < 0:
                raise _Broken(PROTOCOL_ERROR)  # not masked
            mask_at = at + 2
            if length > 125:
                mask_at += 2 if length == 126 else 8
                if size < mask_at:
                    need = mask_at - at
                    break
                length = int.from_bytes(data[at + 2 : mask_at], "big")
            self._allow(data[at], length)
            start = mask_at + 4
            end = start + length
            if size < end:
                need = end - at
                break
            payload = apply_mask(data[start:end], data[mask_at:start])
            if data[at] == _WHOLE_TEXT and self._message is None and self._state == _OPEN:
                self._session.received(payload.decode())
            else:
                self._take(data[at], payload)
            at = end
            if self._state == _DEAF:
                return size
        if at < size:
            self._rest, self._need = bytearray(data[at:]), need
        return size

    def _allow(self, head: int, length: int) -> None:
        """Refuse a frame by its header, before its payload is waited for."""
        if head & _RESERVED_BITS:
            raise _Broken(PROTOCOL_ERROR)
        if head & _CONTROL:
            if length > 125 or not head & _FIN:
                raise _Broken(PROTOCOL_ERROR)
        elif length + len(self._message or b"") > self._limit:
            raise _Broken(TOO_BIG)

    def _take(self, head: int, payload: bytes) -> None:
        if self._others.take(monotonic_ns()):
            raise _Broken(TOO_OFTEN)
        opcode = head & 0x0F
        match opcode:
            case 0x8:  # close
                self._goodbye(payload)
            case 0x9:  # ping
                if not self.paused and self._state == _OPEN:
                    self.write(bytes((_FIN | _PONG, len(payload))) + payload)
            case 0xA:  # pong
                pass
            case 0x0 | 0x1 | 0x2:
                self._gather(opcode, payload, whole=bool(head & _FIN))
            case _:
                raise _Broken(PROTOCOL_ERROR)

    def _gather(self, opcode: int, payload: bytes, *, whole: bool) -> None:
        if (self._message is None) == (opcode == _CONTINUATION):
            raise _Broken(PROTOCOL_ERROR)
        if self._message is None:
            self._message, self._text = bytearray(), opcode == _TEXT
        self._message += payload
        if whole:
            message, self._message = bytes(self._message), None
            if self._state == _OPEN:
                self._session.received(message.decode() if self._text else message)

    def _goodbye(self, payload: bytes) -> None:
        if payload:
            code = int.from_bytes(payload[:2], "big")
            if len(payload) == 1 or not (code in _SAID or 3000 <= code < 5000):
                raise _Broken(PROTOCOL_ERROR)
            payload[2:].decode()
        if self._state == _OPEN:
            self.write(bytes((_FIN | _CLOSE, len(payload[:2]))) + payload[:2])
        self._end()

    def _fail(self, code: int) -> None:
        if self._state == _OPEN:
            self._part(code, LINGER_S, _WHY[code].format(limit=self._limit))
            self._state = _DEAF
        else:
            self._end()

    def _part(self, code: int, within_s: float, reason: str = "") -> None:
        """Write the last frame. The session is told now: what it wrote later would follow that frame."""
        if self._state == _OPEN:
            self._leave()
            payload = code.to_bytes(2, "big") + short(reason).encode()
            self.write(bytes((_FIN | _CLOSE, len(payload))) + payload)
            self.flush()
            self._give_up(within_s)

    def _give_up(self, within_s: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(within_s, self._transport.abort)

    def _end(self, within_s: float = CLOSE_WITHIN_S) -> None:
        """Close the connection once everything written has left, or soon in any case."""
        self._leave()
        self.flush()
        self._fd = -1
        self._state = _DEAF
        if self._transport.get_write_buffer_size():
            self._give_up(within_s)
        self._transport.close()

    def _leave(self) -> None:
        session, self._session = self._session, cast("Session", _NOBODY)
        session.lost()


def short(reason: str) -> str:
    """As much of a reason as a close frame holds."""
    return reason.encode(errors="replace")[:REASON_BYTES].decode(errors="ignore")


_SAID = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})
"""The codes a close frame may hold, beside those above 3000."""
