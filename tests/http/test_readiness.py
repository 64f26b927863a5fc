"""Ready means it: a node that cannot write or hear says so, and why."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from answering import asking
from collabcampus.app import Application
from collabcampus.http import readiness

WITHIN_S = 10
LISTENING = "query LIKE 'LISTEN%%' OR query = 'SELECT 1'"


@contextmanager
def nobody_comes_in(database_url: str, *, gone: str = "true") -> Iterator[None]:
    """The database takes no connection meanwhile, and those for which this holds are gone."""
    name = conninfo_to_dict(database_url)["dbname"]
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(make_conninfo(database_url, dbname="postgres"), autocommit=True) as owner:
        owner.execute(allow.format(sql.Identifier(str(name)), sql.Literal(False)))
        try:
            ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND ({gone})"
            assert owner.execute(ended.encode(), (name,)).rowcount
            yield
        finally:
            owner.execute(allow.format(sql.Identifier(str(name)), sql.Literal(True)))


async def told(application: Application, reason: str | None) -> None:
    """Wait until that is why it is not ready."""
    async with asyncio.timeout(WITHIN_S):
        while (said := await application.why_not_ready()) != reason:
            assert said is None or isinstance(said, str)
            await asyncio.sleep(0.05)


async def test_without_the_database_it_is_not_ready_and_with_it_again(
    application: Application, database_url: str
) -> None:
    await told(application, None)

    with nobody_comes_in(database_url):
        await told(application, "the database does not answer")
    await told(application, None)


async def test_a_follower_that_is_deaf_is_a_reason_although_the_database_answers(
    application: Application, database_url: str
) -> None:
    await told(application, None)

    with nobody_comes_in(database_url, gone=LISTENING):
        await told(application, "over PostgreSQL its own heartbeat does not come back: other nodes are heard late")
    await told(application, None)


async def test_who_drains_is_not_ready_whatever_else_holds(application: Application) -> None:
    await told(application, None)

    application.leaving = True

    async with asking(application.http()) as client:
        ready, live = await client.get("/health/ready"), await client.get("/health/live")
    assert (ready.status_code, ready.json()) == (503, {"status": "not ready", "reason": readiness.DRAINING})
    assert (live.status_code, live.json()) == (200, {"status": "live"})
