"""HTTP of clients that keep to time: uvicorn waits for ever for the rest of a request, and for who does not read.

    connected, or the first byte after an answer ── HEAD_WITHIN_S ──▶ the head is there ── BODY_WITHIN_S ──▶ all of it
    an answer waits to be read ── READ_WITHIN_S ──▶ enough of it has left

The last runs beside the others: whoever does not read may ask on meanwhile. uvicorn closes who is idle, and the
transport then waits for ever for what was written to leave; so the end of an answer has the same time.
Between an answer and the next request uvicorn's own time for idle connections goes on as ever.
"""

import asyncio
import weakref
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from collabcampus.sockets.deadlines import Deadlines

HEAD_WITHIN_S = 4.5
BODY_WITHIN_S = 30.0
READ_WITHIN_S = 60.0


class _Clock:
    """The deadlines of one loop."""

    def __init__(self) -> None:
        self.head = Deadlines(HEAD_WITHIN_S, PunctualProtocol.late)
        self.body = Deadlines(BODY_WITHIN_S, PunctualProtocol.late)
        self.read = Deadlines(READ_WITHIN_S, PunctualProtocol.unread)


_clocks: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Clock]" = weakref.WeakKeyDictionary()


class PunctualProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, whose connection ends when its client takes too long."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._clock = _clocks.get(self.loop) or _clocks.setdefault(self.loop, _Clock())
        self._expected: Deadlines[PunctualProtocol] | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin: a request has to come."""
        super().connection_made(transport)
        self._expect(self._clock.head)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        super().connection_lost(exc)
        self._expect(None)
        self._clock.read.stop(self)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._expect(self._clock.head)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._expect(self._clock.body)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request has been read."""
        self._expect(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer has been written; its end may wait to be read."""
        super().on_response_complete()
        if not self.flow.write_paused:
            self._tail()

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the websocket, whose times are its own."""
        self._expect(None)
        self._clock.read.stop(self)
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        """The client has to read."""
        self._clock.read.start(self)
        super().pause_writing()

    def resume_writing(self) -> None:
        """It did, up to little."""
        super().resume_writing()
        self._tail()

    def late(self) -> None:
        """What was expected did not come in time; but it is not the client's fault where we do not read."""
        if self.flow.read_paused and not self.flow.write_paused:
            self._expect(self._clock.body)
        else:
            self.transport.abort()

    def unread(self) -> None:
        """What was written did not leave in time. While more is being written, only who has to read is late."""
        if self.flow.write_paused or self._answered:
            if self.transport.get_write_buffer_size():
                self.transport.abort()
        else:
            self._tail()

    @property
    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _tail(self) -> None:
        if self.transport.get_write_buffer_size():
            self._clock.read.start(self)
        else:
            self._clock.read.stop(self)

    def _unset_keepalive_if_required(self) -> None:
        if self.timeout_keep_alive_task is not None:  # it was idle, and something has come
            self._expect(self._clock.head)
        super()._unset_keepalive_if_required()

    def _expect(self, deadlines: "Deadlines[PunctualProtocol] | None") -> None:
        if self._expected is not None:
            self._expected.stop(self)
        self._expected = deadlines
        if deadlines is not None:
            deadlines.start(self)
