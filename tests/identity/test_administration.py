"""Administrators: there is always one, and whoever they disable is out everywhere."""

import asyncio

import psycopg
import pytest

from collabcampus.identity import DISABLED_CHANNEL, SESSIONS_CHANNEL, Identity, SignedIn, errors, security_log
from collabcampus.identity.tokens import READ
from collabcampus.log.database import Database
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

PASSWORD, AGENT = "a long enough password", "a test"


@pytest.fixture
async def boss(identity: Identity) -> str:
    """An administrator's id."""
    (user,) = await identity.accounts.add([("boss@example.org", "Boss")], "no hash")
    await identity.administration.change(user.id, None, admin=True)
    return user.id


@pytest.fixture
async def alice(identity: Identity) -> SignedIn:
    return await identity.register("alice@example.org", "Alice", PASSWORD, AGENT)


def recorded(identity: Identity) -> list[tuple[str, str | None, str | None]]:
    """Kind, person and actor of what was recorded of administrators' acts."""
    acts = ("person_", "sessions_", "disabled_")
    return [(row[1], row[2], row[3]) for row in identity.security._waiting if row[1].startswith(acts)]


async def test_only_administrators_are_administrators(identity: Identity, boss: str, alice: SignedIn) -> None:
    administration = identity.administration
    await administration.require(boss)
    for nobody in (alice.user.id, PEOPLE[0]):
        with pytest.raises(errors.NotAdministrator):
            await administration.require(nobody)

    assert (await administration.change(alice.user.id, boss, admin=True)).admin
    await administration.require(alice.user.id)
    await administration.change(alice.user.id, boss, disabled=True)
    with pytest.raises(errors.NotAdministrator):
        await administration.require(alice.user.id)


async def test_who_was_disabled_is_told_once_and_again_when_it_is_done_again(
    identity: Identity, other_node: Identity, boss: str, alice: SignedIn
) -> None:
    told: list[str] = []
    other_node.administration.on_disabled.append(told.append)
    await identity.administration.change(alice.user.id, boss, disabled=True)
    for _ in range(3):
        await other_node.heal()
    assert told == [alice.user.id]

    await identity.administration.change(alice.user.id, boss, disabled=False)
    await identity.administration.change(alice.user.id, boss, disabled=True)
    await other_node.heal()
    assert told == [alice.user.id] * 2


async def test_people_are_listed_in_pages_and_found_by_a_part_of_address_or_name(
    identity: Identity, boss: str, alice: SignedIn
) -> None:
    await identity.accounts.add([("c%_@example.org", "Ünal %")], "no hash")
    people = identity.administration.people

    everybody = await people("", None, 10)
    assert [each.name for each in everybody] == ["Boss", "Alice", "Ünal %"]
    assert [each.name for each in await people("", everybody[0].user_id, 1)] == ["Alice"]
    for q, found in [("ALICE@", ["Alice"]), ("ünal", ["Ünal %"]), ("%_", ["Ünal %"]), ("_", ["Ünal %"]), ("'", [])]:
        assert [each.name for each in await people(q, None, 10)] == found, q
    assert [(each.admin, each.disabled, each.last_seen_at is None) for each in everybody[:2]] == [
        (True, False, True), (False, False, False),
    ]  # fmt: skip


async def test_whoever_is_disabled_is_out_on_every_node_and_tokens_rest_until_they_are_enabled(
    identity: Identity, other_node: Identity, boss: str, alice: SignedIn
) -> None:
    me = alice.user.id
    token = (await identity.api_tokens.make(me, "a script", frozenset({READ}))).token
    for node in (identity, other_node):
        await node.claims(token)
        await node.claims(alice.token)
    out: list[str] = []
    other_node.administration.on_disabled.append(out.append)

    await identity.administration.change(me, boss, disabled=True)
    await other_node.sessions.load()
    await other_node.administration.load()

    assert out == [me]
    for node in (identity, other_node):
        with pytest.raises(errors.SessionEnded):
            await node.claims(alice.token)
        with pytest.raises(errors.AccountDisabled):
            await node.claims(token)
        with pytest.raises(errors.BadRefreshToken):
            await node.refresh(alice.refresh_token)
    with pytest.raises(errors.AccountDisabled):
        await identity.login("alice@example.org", PASSWORD, AGENT)

    await identity.administration.change(me, boss, disabled=False)
    for node in (identity, other_node):
        assert (await node.claims(token)).user_id == me
        with pytest.raises(errors.SessionEnded):
            await node.claims(alice.token)
        with pytest.raises(errors.BadRefreshToken):
            await node.refresh(alice.refresh_token)
    assert await identity.login("alice@example.org", PASSWORD, AGENT)
    assert recorded(identity) == [
        ("person_promoted", boss, None), ("person_disabled", me, boss), ("disabled_refused", me, None),
        ("disabled_refused", me, None), ("person_enabled", me, boss),
    ]  # fmt: skip


async def test_the_other_nodes_are_notified(
    identity: Identity, boss: str, alice: SignedIn, database: Database
) -> None:
    session = identity.authenticate(alice.token).session_id
    listening = await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True)
    async with listening:
        for channel in (SESSIONS_CHANNEL, DISABLED_CHANNEL):
            await listening.execute(f"LISTEN {channel}".encode())
        await identity.administration.change(alice.user.id, boss, disabled=True)

        heard = [(each.channel, each.payload) async for each in listening.notifies(timeout=5, stop_after=2)]
    assert heard == [(SESSIONS_CHANNEL, session), (DISABLED_CHANNEL, alice.user.id)]


async def test_whoever_is_disabled_while_they_sign_in_is_left_with_no_session(
    identity: Identity, boss: str, alice: SignedIn, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = identity.sessions.begin

    async def overtaken(user_id: str, user_agent: str, password_hash: str | None = None) -> tuple[str, str]:
        await identity.administration.change(user_id, boss, disabled=True)
        return await begin(user_id, user_agent, password_hash)

    monkeypatch.setattr(identity.sessions, "begin", overtaken)
    with pytest.raises(errors.BadCredentials):
        await identity.login("alice@example.org", PASSWORD, AGENT)

    assert await database.fetch("SELECT FROM sessions WHERE ended_at IS NULL") == []


async def test_ending_all_sessions_ends_api_tokens_too_and_nobody_elses(
    identity: Identity, boss: str, alice: SignedIn
) -> None:
    token = (await identity.api_tokens.make(alice.user.id, "a script", frozenset({READ}))).token
    bob = await identity.register("bob@example.org", "Bob", PASSWORD, AGENT)

    assert await identity.administration.end_sessions(alice.user.id, boss) == 2
    for dead in (alice.token, token):
        with pytest.raises(errors.SessionEnded):
            await identity.claims(dead)
    assert await identity.claims(bob.token)
    assert await identity.administration.end_sessions(alice.user.id, boss) == 0
    assert recorded(identity)[-2:] == [(security_log.SESSIONS_ENDED, alice.user.id, boss)] * 2


async def test_the_last_administrator_stays_however_it_is_tried(
    identity: Identity, boss: str, alice: SignedIn
) -> None:
    change = identity.administration.change
    for admin, disabled in ((False, None), (None, True), (False, True)):
        with pytest.raises(errors.LastAdministrator):
            await change(boss, boss, admin=admin, disabled=disabled)
    assert (await change(boss, boss, admin=True, disabled=False)).admin
    await change(alice.user.id, boss, admin=True)
    await change(alice.user.id, boss, disabled=True)
    with pytest.raises(errors.LastAdministrator):
        await change(boss, boss, admin=False)

    await change(alice.user.id, boss, disabled=False)
    outcomes = await asyncio.gather(
        change(boss, alice.user.id, admin=False), change(alice.user.id, boss, disabled=True), return_exceptions=True
    )
    assert [isinstance(each, errors.LastAdministrator) for each in outcomes].count(True) == 1, outcomes


async def test_nobody_is_nobody(identity: Identity, boss: str) -> None:
    administration = identity.administration
    for asked in (
        administration.change(PEOPLE[0], boss, disabled=True),
        administration.end_sessions(PEOPLE[0], boss),
        administration.person(PEOPLE[0]),
        administration.require_active(PEOPLE[0]),
    ):
        with pytest.raises(errors.PersonNotFound):
            await asked


async def test_a_listener_that_fails_keeps_nobody_from_hearing(identity: Identity) -> None:
    heard: list[str] = []
    identity.administration.on_disabled += [lambda user_id: 1 / 0, heard.append]  # type: ignore[list-item, return-value]

    identity.administration.heard(PEOPLE[0])

    assert heard == [PEOPLE[0]]
