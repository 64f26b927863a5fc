"""The ends of sessions are told to every node as they happen."""

import psycopg
import pytest

from collabcampus.identity import SESSIONS_CHANNEL, Identity, errors
from collabcampus.log.database import Database
from identity.nodes import AGENT, EMAIL, NAME, NEW, PASSWORD, node

pytestmark = pytest.mark.anyio


async def signed_in(identity: Identity, times: int) -> list[str]:
    """Sessions of one person."""
    await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    tokens = [(await identity.login(EMAIL, PASSWORD, AGENT)).token for _ in range(times)]
    return [identity.authenticate(each).session_id for each in tokens]


async def test_whatever_ends_sessions_notifies_every_node(database: Database) -> None:
    identity, _ = await node(database)
    first, second, third, fourth = await signed_in(identity, 4)
    user = await identity.find(EMAIL)
    assert user
    listening = await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True)
    async with listening:
        await listening.execute(f"LISTEN {SESSIONS_CHANNEL}".encode())

        async def told(count: int) -> set[str]:
            return {each.payload async for each in listening.notifies(timeout=5, stop_after=count)}

        await identity.devices.end(user.id, first)
        assert await told(1) == {first}
        with pytest.raises(errors.SessionNotFound):
            await identity.devices.end(user.id, first)
        await identity.changes.password(user.id, second, PASSWORD, NEW)
        assert {third, fourth} < await told(3), "and the one of the registration"
        await identity.login(EMAIL, NEW, AGENT)
        await identity.devices.end_others(user.id, second)
        assert second not in await told(1)
        await identity.closing.erase(user.id)
        assert await told(1) == {second}
    identity.close()


async def test_a_session_that_was_not_used_for_a_month_is_shown_no_more(database: Database) -> None:
    identity, _ = await node(database)
    session, _ = await signed_in(identity, 2)
    user = await identity.find(EMAIL)
    assert user
    await database.write(
        "UPDATE sessions SET last_used_at = now() - interval '30 days 1 s' WHERE session_id = %s RETURNING 1", session
    )

    shown = await identity.devices.of(user.id, session, None, 10)

    assert len(shown) == 2
    assert session not in {each.session_id for each in shown}
    identity.close()
