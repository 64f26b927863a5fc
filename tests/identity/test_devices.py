"""The ends of sessions are told to every node as they happen."""

import psycopg
import pytest

from collabcampus.identity import SESSIONS_CHANNEL, Identity, errors
from collabcampus.identity.letters import RESET_PAGE
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


async def test_api_tokens_are_no_devices_and_stay_when_their_owner_signs_out_or_changes_the_password(
    database: Database,
) -> None:
    identity, box = await node(database)
    first, second = await signed_in(identity, 2)
    user = await identity.find(EMAIL)
    assert user
    made = await identity.api_tokens.make(user.id, "a script", frozenset({"read"}))

    assert made.token_id not in {each.session_id for each in await identity.devices.of(user.id, first, None, 10)}
    with pytest.raises(errors.SessionNotFound):
        await identity.devices.end(user.id, made.token_id)
    await identity.devices.end_others(user.id, first)
    await identity.changes.password(user.id, first, PASSWORD, NEW)
    assert identity.sessions.has_ended(second)
    assert await identity.claims(made.token)

    identity.changes.forgot(EMAIL)
    await identity.post.drained()
    await identity.changes.reset(box.token(RESET_PAGE), PASSWORD)
    with pytest.raises(errors.SessionEnded):
        await identity.claims(made.token)  # by mail it may be to win an account back
    identity.close()
