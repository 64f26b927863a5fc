"""API tokens: shown once, looked up in the database, dead on every node when they are revoked."""

import asyncio
import hashlib
from typing import Any

import psycopg
import pytest
from rich.pretty import pretty_repr

from collabcampus.identity import Identity, User, api_tokens, errors, security_log
from collabcampus.identity.api_tokens import NewApiToken
from collabcampus.identity.tokens import ACCOUNT, EVERYTHING, READ, WRITE
from collabcampus.log.database import Database
from identity.nodes import node as a_node
from identity.racing import CLOSING, DISABLING, END_OF_ALL, RESET, TAKE_OVER, act, one_after_the_other
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

EMAIL, NAME, PASSWORD, AGENT = "alice@example.org", "Alice", "a long enough password", "a test"


@pytest.fixture
async def alice(identity: Identity) -> User:
    return (await identity.accounts.add([(EMAIL, NAME)], "no hash"))[0]


async def made(identity: Identity, user: User, *scopes: Any, days: int = 90) -> NewApiToken:
    """A new token."""
    return await identity.api_tokens.make(user.id, "a script", frozenset(scopes or (READ,)), days)


def recorded(identity: Identity) -> list[str]:
    """The kinds of what was recorded."""
    return [row[1] for row in identity.security._waiting]


async def test_a_token_speaks_for_its_maker_with_its_scopes_alone(identity: Identity, alice: User) -> None:
    reading, writing = await made(identity, alice), await made(identity, alice, WRITE)

    claims = await identity.claims(reading.token)
    assert (claims.user_id, claims.session_id, claims.scopes) == (alice.id, reading.token_id, {READ})
    assert (await identity.claims(writing.token)).scopes == {READ, WRITE}
    claims.require(READ)
    for scope in (WRITE, ACCOUNT):
        with pytest.raises(errors.ScopeMissing) as refused:
            claims.require(scope)
        assert refused.value.details == {"scope": scope}
    signed_in = await identity.register("bob@example.org", "Bob", PASSWORD, AGENT)
    assert (await identity.claims(signed_in.token)).scopes == EVERYTHING


async def test_only_its_digest_is_stored_and_it_is_shown_once(
    identity: Identity, alice: User, database: Database
) -> None:
    token = await made(identity, alice)

    assert token.token.startswith("ccp_")
    assert len(token.token) == 4 + 64
    ((stored, row),) = await database.fetch("SELECT digest, t::text FROM api_tokens AS t")
    assert bytes(stored) == hashlib.sha256(token.token.encode()).digest()
    assert token.token[4:] not in row
    assert token.token not in repr(token) + pretty_repr(token) + str(await identity.api_tokens.of(alice.id))


async def test_what_is_no_token_is_invalid(identity: Identity, alice: User) -> None:
    token = (await made(identity, alice)).token
    for wrong in ("ccp_", token[:-1], token + "0", token[:-1] + "G", "ccp_" + "0" * 64, token + "\n", "ccp_\ud800"):
        with pytest.raises(errors.TokenInvalid):
            await identity.claims(wrong)


async def test_a_revoked_token_is_dead_here_at_once_and_elsewhere_when_it_is_heard(
    identity: Identity, other_node: Identity, alice: User
) -> None:
    token = await made(identity, alice)
    ended: list[str] = []
    identity.sessions.on_end.append(ended.append)
    for node in (identity, other_node):
        await node.claims(token.token)

    await identity.api_tokens.revoke(alice.id, token.token_id)
    assert ended == [token.token_id]
    with pytest.raises(errors.SessionEnded):
        await identity.claims(token.token)
    assert await other_node.claims(token.token), "remembered for some seconds"
    other_node.sessions.heard(token.token_id)
    with pytest.raises(errors.SessionEnded):
        await other_node.claims(token.token)
    assert recorded(identity)[:2] == [security_log.API_TOKEN_MADE, security_log.API_TOKEN_REVOKED]


async def test_a_revocation_nobody_heard_of_holds_after_some_seconds_and_for_good(
    identity: Identity, other_node: Identity, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await made(identity, alice)
    await other_node.claims(token.token)
    await identity.api_tokens.revoke(alice.id, token.token_id)
    identity.sessions._ended.clear()  # as after the two hours for which ends are remembered

    monkeypatch.setattr(api_tokens, "CHECKED_EACH_S", -1)
    for node in (identity, other_node):
        with pytest.raises(errors.SessionEnded):
            await node.claims(token.token)


async def test_an_answer_from_before_the_end_is_not_remembered(
    identity: Identity, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await made(identity, alice)
    read, asked, ended = identity.api_tokens._read, asyncio.Event(), asyncio.Event()

    async def slow(digest: bytes) -> Any:
        found = await read(digest)
        asked.set()
        await ended.wait()
        return found

    monkeypatch.setattr(identity.api_tokens, "_read", slow)
    claiming = asyncio.create_task(identity.claims(token.token))
    await asked.wait()
    await identity.api_tokens.revoke(alice.id, token.token_id)
    ended.set()

    with pytest.raises(errors.SessionEnded):
        await claiming


async def test_what_is_no_token_leaves_a_trace_and_is_asked_for_once(
    identity: Identity, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await made(identity, alice)
    await identity.api_tokens.revoke(alice.id, token.token_id)
    read, asked = identity.api_tokens._read, []

    async def counted(digest: bytes) -> Any:
        asked.append(digest)
        return await read(digest)

    monkeypatch.setattr(identity.api_tokens, "_read", counted)
    for _ in range(3):
        with pytest.raises(errors.SessionEnded):
            await identity.claims(token.token)
        with pytest.raises(errors.TokenInvalid):
            await identity.claims("ccp_" + "0" * 64)

    assert len(asked) == 2
    assert recorded(identity)[2:] == [security_log.TOKEN_REFUSED] * 6


async def test_the_end_of_other_sessions_makes_nobody_ask_again(
    identity: Identity, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await made(identity, alice)
    read, asked = identity.api_tokens._read, []

    async def as_others_end(digest: bytes) -> Any:
        found = await read(digest)
        asked.append(digest)
        if len(asked) < 5:
            identity.sessions.heard(PEOPLE[len(asked) % len(PEOPLE)])
            identity.api_tokens.forget_person(PEOPLE[0])
        return found

    monkeypatch.setattr(identity.api_tokens, "_read", as_others_end)
    assert await identity.claims(token.token)
    assert len(asked) == 1


async def test_what_is_remembered_is_found_by_session_and_person_and_forgotten_with_them(
    identity: Identity, alice: User
) -> None:
    first, second, third = [await made(identity, alice) for _ in range(3)]
    for each in (first, second, third):
        await identity.claims(each.token)
    tokens = identity.api_tokens
    assert set(tokens._of) == {alice.id, first.token_id, second.token_id, third.token_id}

    tokens.forget(first.token_id)
    assert (len(tokens._known), first.token_id in tokens._of) == (2, False)
    tokens.forget_person(alice.id)
    assert (dict(tokens._known), dict(tokens._of), tokens._looking) == ({}, {}, {})


async def test_a_token_ends_with_its_days_and_its_use_after_that_is_recorded(
    identity: Identity, alice: User, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await made(identity, alice, days=1)
    await identity.claims(token.token)
    await database.write("UPDATE sessions SET last_used_at = now() RETURNING 1")
    monkeypatch.setattr("collabcampus.identity.api_tokens.time.time", lambda: 4_000_000_000.0)

    for _ in ("remembered", "remembered still"):
        with pytest.raises(errors.TokenExpired):
            await identity.claims(token.token)
    assert recorded(identity)[-2:] == [security_log.API_TOKEN_EXPIRED] * 2
    assert identity.security._waiting[-1][2:5] == (alice.id, None, token.token_id)


async def test_the_list_says_when_a_token_was_used_and_leaves_out_what_was_revoked(
    identity: Identity, alice: User
) -> None:
    first, second, third = [await made(identity, alice) for _ in range(3)]
    await identity.claims(second.token)
    await identity.api_tokens.revoke(alice.id, third.token_id)

    listed = await identity.api_tokens.of(alice.id)
    assert [each.token_id for each in listed] == [first.token_id, second.token_id]
    assert [each.last_used_at is not None for each in listed] == [False, True]
    assert (listed[0].name, listed[0].scopes, listed[0].expires_at > listed[0].created_at) == (
        "a script",
        [READ],
        True,
    )


async def test_one_revokes_ones_own_and_each_once(identity: Identity, alice: User) -> None:
    token = await made(identity, alice)
    signed_in = await identity.register("bob@example.org", "Bob", PASSWORD, AGENT)
    session = identity.authenticate(signed_in.token).session_id

    for user_id, token_id in [
        (signed_in.user.id, token.token_id), (signed_in.user.id, session), (alice.id, PEOPLE[0]), (alice.id, "no id"),
    ]:  # fmt: skip
        with pytest.raises(errors.ApiTokenNotFound):
            await identity.api_tokens.revoke(user_id, token_id)
    await identity.api_tokens.revoke(alice.id, token.token_id)
    with pytest.raises(errors.ApiTokenNotFound):
        await identity.api_tokens.revoke(alice.id, token.token_id)
    assert identity.authenticate(signed_in.token)


async def test_there_are_so_many_at_the_most_however_fast_they_are_made(
    identity: Identity, alice: User, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_tokens, "TOKENS_PER_PERSON", 3)
    await asyncio.gather(*(database.fetch("SELECT pg_sleep(0.2)") for _ in range(6)))  # as many connections

    outcomes = await asyncio.gather(*(made(identity, alice) for _ in range(6)), return_exceptions=True)

    assert sum(isinstance(each, errors.TooManyApiTokens) for each in outcomes) == 3
    tokens = await identity.api_tokens.of(alice.id)
    await identity.api_tokens.revoke(alice.id, tokens[0].token_id)
    assert await made(identity, alice)
    async with await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True) as owner:
        await owner.execute("UPDATE api_tokens SET expires_at = now() WHERE token_id = %s", (tokens[1].token_id,))
    assert await made(identity, alice), "one that is over takes no place"


@pytest.mark.parametrize("which", [DISABLING, CLOSING, TAKE_OVER, RESET, END_OF_ALL])
async def test_no_token_outlives_the_act_that_puts_its_maker_out(database: Database, which: str) -> None:
    identity, box = await a_node(database)
    mine = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    session = identity.authenticate(mine.token).session_id
    putting_out = await act(which, identity, box, database)

    making = identity.api_tokens.make(mine.user.id, "a script", frozenset({WRITE}), session_id=session)
    _, refused = await one_after_the_other(database, putting_out, making)

    assert isinstance(refused, errors.SessionEnded)
    assert await database.fetch("SELECT FROM sessions WHERE ended_at IS NULL AND kind = 'token'") == []
    identity.close()


async def test_a_token_that_was_made_just_before_the_end_of_all_ends_too(database: Database) -> None:
    identity, box = await a_node(database)
    mine = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    ending = await act(END_OF_ALL, identity, box, database)

    token, ended = await one_after_the_other(database, made(identity, mine.user), ending)

    assert ended == 2
    assert isinstance(token, NewApiToken)
    with pytest.raises(errors.SessionEnded):
        await identity.claims(token.token)
    identity.close()


async def test_the_command_line_makes_none_for_who_is_disabled(identity: Identity, alice: User) -> None:
    await identity.administration.change(alice.id, None, disabled=True)

    with pytest.raises(errors.AccountDisabled):
        await made(identity, alice)


async def test_what_is_remembered_is_bounded(
    identity: Identity, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_tokens, "REMEMBERED", 2)
    for token in [await made(identity, alice) for _ in range(3)]:
        await identity.claims(token.token)

    assert len(identity.api_tokens._known) == 2
    assert len(identity.api_tokens._of) == 3
    for nth in range(4):
        with pytest.raises(errors.TokenInvalid):
            await identity.claims(f"ccp_{nth:064}")
    assert len(identity.api_tokens._refused) == 2
