"""One pool of connections to PostgreSQL, all of them working as the app's least-privilege role."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.types.string import TextLoader
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from collabcampus.domain.errors import Unavailable

APP_ROLE = "collabcampus_app"
OLDEST_SERVER = 15
STATEMENT_TIMEOUT_MS = 10_000
LOCK_TIMEOUT_MS = 2_000
POOL_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 5
POOL_MIN, POOL_MAX = 2, 10
SIMILAR_ENOUGH = 0.5
"""The share of a misspelt word's trigrams that a found one has: two letters may have changed places."""
MUST_BE_ON = ("fsync", "full_page_writes", "synchronous_commit")

Connection = AsyncConnection[tuple[Any, ...]]
Pool = AsyncConnectionPool[Connection]


class UnfitServer(Exception):
    """The PostgreSQL server is too old, or set so that acknowledged writes could be lost."""


class Database:
    """A pool on `conninfo`; uuids are read as strings, every statement is a transaction of its own."""

    def __init__(self, conninfo: str, *, most: int = POOL_MAX) -> None:
        self.conninfo = conninfo
        self._checking: asyncio.Task[None] | None = None
        self.pool: Pool = AsyncConnectionPool(
            conninfo,
            min_size=min(POOL_MIN, most),
            max_size=most,
            open=False,
            timeout=POOL_TIMEOUT_S,
            configure=configure,
            kwargs={"autocommit": True},
            name="collabcampus",
        )

    async def open(self) -> None:
        """Connect; UnfitServer where the server must not be trusted with the log."""
        await self.pool.open(wait=True, timeout=POOL_TIMEOUT_S)
        async with self.pool.connection() as connection:
            await require_fit(connection)

    async def close(self) -> None:
        """Give all connections back."""
        await self.pool.close()

    async def connect(self) -> Connection:
        """A connection outside the pool, the caller's to close. psycopg.OperationalError where there is none."""
        connection: Connection = await AsyncConnection.connect(
            self.conninfo, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S
        )
        await configure(connection)
        return connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for one piece of work; Unavailable when there is none or it is lost."""
        try:
            with unavailable():
                async with self.pool.connection() as connection:
                    yield connection
        except Unavailable:
            self._discard_dead()
            raise

    def _discard_dead(self) -> None:
        """Where one connection died others may have: look now, and not one failing request at a time."""
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self.pool.check())

    async def fetch(self, query: str, *values: Any, by_values: bool = False) -> list[tuple[Any, ...]]:
        """All rows of one query that only reads: where connections prove dead, others are asked until one lives.

        Its text is a constant of ours, never made of input. `by_values`: it is planned anew each time, for what its
        values are, where one plan would not do for all.
        """
        for _ in range(self.pool.max_size):
            async with self.connection() as connection:
                try:
                    return await _rows(connection, query, values, by_values=by_values)
                except psycopg.OperationalError:
                    if not connection.broken:
                        raise
            self._discard_dead()
        return await self.write(query, *values)

    async def write(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of one query that changes something: sent once, and Unavailable leaves open whether it did."""
        async with self.connection() as connection:
            return await _rows(connection, query, values)


async def _rows(
    connection: Connection, query: str, values: tuple[Any, ...], *, by_values: bool = False
) -> list[tuple[Any, ...]]:
    prepare = False if by_values else None
    return await (await connection.execute(query.encode(), values, prepare=prepare)).fetchall()


async def configure(connection: Connection) -> None:
    """Make a fresh connection ours: least privilege, bounded waits, uuids as strings."""
    connection.adapters.register_loader("uuid", TextLoader)
    await connection.execute(
        f"SET ROLE {APP_ROLE}; SET statement_timeout = {STATEMENT_TIMEOUT_MS}; "
        f"SET lock_timeout = {LOCK_TIMEOUT_MS}; SET TimeZone = 'UTC'; SET jit = off; "
        f"SET pg_trgm.word_similarity_threshold = {SIMILAR_ENOUGH}"
    )


async def require_fit(connection: Connection) -> None:
    """UnfitServer for one older than 15, or with fsync, full_page_writes or synchronous_commit off."""
    version = connection.info.server_version // 10_000
    if version < OLDEST_SERVER:
        raise UnfitServer(f"PostgreSQL {version} is too old: {OLDEST_SERVER} or later is needed")
    for name in MUST_BE_ON:
        row = await (await connection.execute("SELECT current_setting(%s)", (name,))).fetchone()
        if row and row[0] == "off":
            raise UnfitServer(f"{name} is off on this server: what it acknowledges could be lost")


@contextmanager
def unavailable() -> Iterator[None]:
    """Turn time-outs and lost connections into Unavailable: a 503, not a 500."""
    try:
        yield
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.QueryCanceled,
        PoolTimeout,
        TooManyRequests,
    ) as error:
        raise Unavailable from error
