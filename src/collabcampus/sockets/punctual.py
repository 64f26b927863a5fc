"""HTTP of clients that keep to time: uvicorn waits for ever for the rest of a request, and for who does not read.

    connected, or the first byte after an answer ── HEAD_WITHIN_S ──▶ the head is there ── BODY_WITHIN_S ──▶ all of it
    an answer waits to be read ── READ_WITHIN_S ──▶ enough of it has left

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
        self.head, self.body, self.read = (
            Deadlines(each, PunctualProtocol.late) for each in (HEAD_WITHIN_S, BODY_WITHIN_S, READ_WITHIN_S)
        )


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

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the websocket, whose times are its own."""
        self._expect(None)
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        """The client has to read."""
        self._expect(self._clock.read)
        super().pause_writing()

    def resume_writing(self) -> None:
        """It did."""
        self._expect(None)
        super().resume_writing()

    def late(self) -> None:
        """What was expected did not come in time; but it is not the client's fault where we do not read."""
        if self.flow.read_paused and not self.flow.write_paused:
            self._expect(self._clock.body)
        else:
            self.transport.abort()

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
