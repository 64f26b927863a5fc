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

    async def run(self, connection: Connection, parameters: Sequence[bytes]) -> list[tuple[str, ...]]:
        """The rows, as text. Raises what psycopg would; a connection that was given up on is closed."""
        async with connection.lock:
            pgconn = connection.pgconn
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    if connection not in self._prepared:
                        pgconn.send_prepare(self._name, self._query, self._types)
                        _rows(await _results(pgconn), connection)
                        self._prepared.add(connection)
                    pgconn.send_query_prepared(self._name, parameters, self._formats)
                    return _rows(await _results(pgconn), connection)
            except TimeoutError:
                pgconn.finish()
                raise psycopg.OperationalError("the server did not answer in time") from None
            except asyncio.CancelledError:
                pgconn.finish()  # an answer may still be under way
                raise


async def _results(pgconn: pq.abc.PGconn) -> list[pq.abc.PGresult]:
    """Wait for everything that the server answers to what was sent."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    results: list[pq.abc.PGresult] = []
    descriptor = pgconn.socket

    def readable() -> None:
        try:
            pgconn.consume_input()
            writable()
            while not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:
                    settle(None)
                    return
                results.append(result)
        except psycopg.Error as error:
            settle(error)

    def writable() -> None:
        try:
            if pgconn.flush() == 0:
                loop.remove_writer(descriptor)
        except psycopg.Error as error:
            settle(error)

    def settle(error: psycopg.Error | None) -> None:
        if not done.done():
            done.set_exception(error) if error else done.set_result(None)

    loop.add_reader(descriptor, readable)
    try:
        if pgconn.flush():
            loop.add_writer(descriptor, writable)
        await done
    finally:
        loop.remove_reader(descriptor)
        loop.remove_writer(descriptor)
    return results


def _rows(results: list[pq.abc.PGresult], connection: Connection) -> list[tuple[str, ...]]:
    result = results[-1]
    if result.status not in _GOOD:
        raise psycopg.errors.error_from_result(result, encoding=connection.info.encoding)
    return [
        tuple((result.get_value(row, column) or b"").decode() for column in range(result.nfields))
        for row in range(result.ntuples)
    ]
