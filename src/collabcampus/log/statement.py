"""A prepared statement of binary parameters, run with as little between us and libpq as can be.

psycopg's own `execute` costs as much as the append of one event; its connections, their pool and their errors stay.
"""

import asyncio
from collections.abc import Sequence
from weakref import WeakSet

import psycopg
from psycopg import pq

from collabcampus.log.database import Connection

ANSWER_WITHIN_S = 15.0
"""Longer than any statement may run: past it the server is gone without having said so."""

_GOOD = {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK}


class Statement:
    """One statement, prepared on each connection at its first use there."""

    def __init__(self, name: str, query: str, types: Sequence[int]) -> None:
        """`types` are the oids of the parameters."""
        self._name, self._query, self._types = name.encode(), query.encode(), types
        self._formats = [pq.Format.BINARY] * len(types)
        self._prepared: WeakSet[Connection] = WeakSet()

    async def prepare(self, connection: Connection) -> None:
        """Have the server know the statement; once a connection."""
        if connection not in self._prepared:
            connection.pgconn.send_prepare(self._name, self._query, self._types)
            _rows(await Exchange(connection).results(), connection)
            self._prepared.add(connection)

    def send(self, connection: Connection, parameters: Sequence[bytes]) -> "Exchange":
        """Send it now, on a connection that is prepared and that nobody else uses until the answer is here."""
        connection.pgconn.send_query_prepared(self._name, parameters, self._formats)
        return Exchange(connection)

    async def run(self, connection: Connection, parameters: Sequence[bytes]) -> list[tuple[str, ...]]:
        """The rows, as text. Raises what psycopg would; a connection that was given up on is closed."""
        async with connection.lock:
            await self.prepare(connection)
            return await self.send(connection, parameters).rows()


class Exchange:
    """Something that was sent, until the server has answered all of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._pgconn = connection, connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._results: list[pq.abc.PGresult] = []
        self._descriptor = self._pgconn.socket
        self._loop.add_reader(self._descriptor, self._readable)
        self._writing = False
        self._writable()

    async def rows(self) -> list[tuple[str, ...]]:
        """The rows of the last result, as text."""
        return _rows(await self.results(), self._connection)

    async def results(self) -> list[pq.abc.PGresult]:
        """Wait for everything. Where it does not come in time, or nobody waits any more, the connection is closed."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._done
        except TimeoutError:
            self.stop()
            self._pgconn.finish()
            raise psycopg.OperationalError("the server did not answer in time") from None
        except asyncio.CancelledError:
            self.stop()
            self._pgconn.finish()
            raise
        finally:
            self.stop()
        return self._results

    def stop(self) -> None:
        """Listen no longer."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            if self._writing:
                self._loop.remove_writer(self._descriptor)
            self._descriptor = -1

    def _readable(self) -> None:
        try:
            self._pgconn.consume_input()
            if self._writing:
                self._writable()
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    self._settle(None)
                    return
                self._results.append(result)
        except psycopg.Error as error:
            self._settle(error)

    def _writable(self) -> None:
        try:
            left = self._pgconn.flush()
        except psycopg.Error as error:
            self._settle(error)
            return
        if left and not self._writing:
            self._loop.add_writer(self._descriptor, self._writable)
        elif self._writing and not left:
            self._loop.remove_writer(self._descriptor)
        self._writing = bool(left)

    def _settle(self, error: psycopg.Error | None) -> None:
        if self._done.done():
            return
        self.stop()
        if error:
            self._done.set_exception(error)
        else:
            self._done.set_result(None)


def _rows(results: list[pq.abc.PGresult], connection: Connection) -> list[tuple[str, ...]]:
    result = results[-1]
    if result.status not in _GOOD:
        raise psycopg.errors.error_from_result(result, encoding=connection.info.encoding)
    return [
        tuple((result.get_value(row, column) or b"").decode() for column in range(result.nfields))
        for row in range(result.ntuples)
    ]
