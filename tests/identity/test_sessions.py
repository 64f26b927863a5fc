"""Sessions do not pile up: what is over goes, and a person has so many sign-ins at the most."""

import pytest

from collabcampus.identity import Identity, User, errors, sessions
from collabcampus.identity.tokens import READ
from collabcampus.log.database import Database

pytestmark = pytest.mark.anyio

AGENT = "a test"


@pytest.fixture
async def alice(identity: Identity) -> User:
    return (await identity.accounts.add([("alice@example.org", "Alice")], "no hash"))[0]


async def older(database: Database, days: int) -> None:
    """So many days go by."""
    for change in (
        "UPDATE refresh_tokens SET expires_at = expires_at - make_interval(days => %s) RETURNING 1",
        "UPDATE sessions SET ended_at = ended_at - make_interval(days => %s) RETURNING 1",
    ):
        await database.write(change, days)


async def left(database: Database) -> tuple[int, int, int]:
    """How many refresh tokens, sessions that live, and sessions there are."""
    (counts,) = await database.fetch(
        "SELECT (SELECT count(*) FROM refresh_tokens), count(*) FILTER (WHERE ended_at IS NULL), "
        "count(*) FROM sessions"
    )
    return counts  # type: ignore[return-value]


async def test_refresh_tokens_that_are_over_go_and_sessions_end_that_live_by_none(
    identity: Identity, alice: User, database: Database
) -> None:
    await identity.sessions.begin(alice.id, AGENT)
    script = await identity.api_tokens.make(alice.id, "a script", frozenset({READ}))
    await older(database, 20)
    session_id, token = await identity.sessions.begin(alice.id, AGENT)
    _, _, token = await identity.sessions.turn(token)
    await identity.heal()
    assert await left(database) == (3, 3, 3)

    await older(database, 11)
    await identity.heal()
    assert await left(database) == (2, 2, 3)
    assert (await identity.sessions.turn(token))[1] == session_id
    assert await identity.claims(script.token), "an API token has an end of its own"


async def test_a_refresh_token_that_is_just_over_is_left_to_whoever_trades_it_in(
    identity: Identity, alice: User, database: Database
) -> None:
    await identity.sessions.begin(alice.id, AGENT)
    await database.write("UPDATE refresh_tokens SET expires_at = now() - interval '59 minutes' RETURNING 1")
    await identity.heal()
    assert await left(database) == (1, 1, 1)


async def test_some_go_at_a_time(
    identity: Identity, alice: User, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SWEPT_AT_ONCE", 2)
    for _ in range(3):
        await identity.sessions.begin(alice.id, AGENT)
    await older(database, 31)
    for expected in ((1, 1, 3), (0, 0, 3)):
        await identity.heal()
        assert await left(database) == expected


async def test_a_session_that_ended_long_ago_goes_with_its_api_token(
    identity: Identity, alice: User, database: Database
) -> None:
    session_id, _ = await identity.sessions.begin(alice.id, AGENT)
    script = await identity.api_tokens.make(alice.id, "a script", frozenset({READ}))
    await identity.logout(session_id)
    await identity.api_tokens.revoke(alice.id, script.token_id)
    await older(database, 399)
    await identity.heal()
    assert await left(database) == (0, 0, 2)

    await older(database, 2)
    await identity.heal()
    assert await left(database) == (0, 0, 0)
    assert await database.fetch("SELECT FROM api_tokens") == []


async def test_one_sign_in_more_than_a_person_may_have_ends_the_one_unused_for_longest(
    identity: Identity, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SIGN_INS_PER_PERSON", 2)
    script = await identity.api_tokens.make(alice.id, "a script", frozenset({READ}))
    (first, token), (second, unused) = [await identity.sessions.begin(alice.id, AGENT) for _ in range(2)]
    _, _, token = await identity.sessions.turn(token)
    third, _ = await identity.sessions.begin(alice.id, AGENT)

    assert [identity.sessions.has_ended(each) for each in (first, second, third)] == [False, True, False]
    with pytest.raises(errors.BadRefreshToken):
        await identity.sessions.turn(unused)
    assert await identity.sessions.turn(token)
    assert await identity.claims(script.token)
