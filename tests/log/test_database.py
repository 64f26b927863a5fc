"""The pool: whatever takes too long in the database is a refusal that says when to come back, and no failure."""

import time

import httpx
import psycopg
import pytest

from answering import problem
from collabcampus.domain.errors import Unavailable
from collabcampus.log.database import LOCK_TIMEOUT_MS, POOL_TIMEOUT_S, STATEMENT_TIMEOUT_MS, Database
from running import Person, Server

pytestmark = pytest.mark.anyio


async def test_every_wait_for_the_database_is_bounded(database: Database) -> None:
    ((statement,),) = await database.fetch("SHOW statement_timeout")
    ((lock,),) = await database.fetch("SHOW lock_timeout")

    assert (statement, lock) == (f"{STATEMENT_TIMEOUT_MS // 1_000}s", f"{LOCK_TIMEOUT_MS // 1_000}s")
    assert database.pool.timeout == POOL_TIMEOUT_S


async def test_a_statement_that_takes_too_long_is_unavailable(database_url: str) -> None:
    database = Database(database_url, most=1)
    await database.open()
    async with database.connection() as connection:
        await connection.execute("SET statement_timeout = 50")
    with pytest.raises(Unavailable):
        await database.fetch("SELECT pg_sleep(5)")
    assert await database.fetch("SELECT 1") == [(1,)]
    await database.close()


async def test_a_lock_that_is_not_given_is_unavailable(database_url: str) -> None:
    database = Database(database_url, most=1)
    await database.open()
    async with database.connection() as connection:
        await connection.execute("SET lock_timeout = 50")
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE accounts")
        with pytest.raises(Unavailable):
            await database.fetch("SELECT FROM accounts")
    await database.close()


async def test_a_pool_that_has_nothing_to_give_is_unavailable(database_url: str) -> None:
    database = Database(database_url, most=1)
    await database.open()
    database.pool.timeout = 0.05
    async with database.connection():
        with pytest.raises(Unavailable):
            await database.fetch("SELECT 1")
    await database.close()


def test_over_http_it_is_a_503_that_says_when_to_come_back(server: Server, module_database_url: str) -> None:
    person = Person(server.url, "Alice")
    with psycopg.connect(module_database_url) as other:
        other.execute("LOCK TABLE accounts")
        began = time.monotonic()
        answer = person.http.get("/me")
        assert problem(answer) == (503, "unavailable")
        assert time.monotonic() - began < LOCK_TIMEOUT_MS / 1e3 + 5
    assert int(answer.headers["retry-after"]) > 0
    assert httpx.get(f"{server.url}/health/live").status_code == 200
    assert person.http.get("/me").status_code == 200
