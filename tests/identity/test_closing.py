"""A closed account leaves an opaque id and nothing that tells who it was."""

import asyncio

import pytest

from collabcampus.identity import Identity, errors
from collabcampus.identity.letters import RESET_PAGE
from collabcampus.log.database import Database
from identity.nodes import AGENT, EMAIL, NAME, PASSWORD, node

pytestmark = pytest.mark.anyio

GONE = ("refresh_tokens", "proofs", "read_markers", "read_notifications")
SCRIPT, SUBJECT = "Backup of everything", "alice at the campus"


async def everything(database: Database) -> str:
    """All that is stored of people."""
    tables = ("accounts", "sessions", "api_tokens", "openid_identities", *GONE)
    return str([await database.fetch(f"SELECT t::text FROM {each} AS t") for each in tables])


async def closed(identity: Identity, database: Database) -> str:
    """The id of somebody with some of everything, whose account is closed then."""
    user = (await identity.sign_up(EMAIL, NAME, PASSWORD, AGENT) or pytest.fail("not in")).user
    identity.changes.forgot(EMAIL)
    await identity.post.drained()
    for table in ("read_markers", "read_notifications"):
        await database.write(
            f"INSERT INTO {table} (user_id, project_id, position) VALUES (%s, %s, 1) RETURNING 1", user.id, user.id
        )
    await identity.api_tokens.make(user.id, SCRIPT, frozenset({"read"}))
    await database.write(
        "INSERT INTO openid_identities (issuer, subject, user_id) VALUES ('campus', %s, %s) RETURNING 1",
        *(SUBJECT, user.id),
    )
    before = await everything(database)
    assert all(each in before for each in (EMAIL, NAME, "$argon2id$", AGENT, SCRIPT, SUBJECT))
    await identity.closing.erase(user.id)
    return user.id


async def test_nothing_is_left_that_tells_who_it_was(database: Database) -> None:
    identity, _ = await node(database)
    user_id = await closed(identity, database)

    left = await everything(database)

    assert not any(each in left for each in (EMAIL, NAME, "$argon2id$", AGENT, SCRIPT, SUBJECT))
    assert await database.fetch("SELECT user_id FROM accounts") == [(user_id,)]
    for table in ("api_tokens", "openid_identities", *GONE):
        assert await database.fetch(f"SELECT * FROM {table}") == []
    identity.close()


async def test_whoever_was_there_is_a_former_member_and_nobody_signs_in(database: Database) -> None:
    identity, box = await node(database)
    user_id = await closed(identity, database)

    assert await identity.names([user_id]) == {user_id: "Former member"}
    assert await identity.find(EMAIL) is None
    for refused in (identity.user(user_id), identity.account(user_id)):
        with pytest.raises(errors.TokenInvalid):
            await refused
    for password in (PASSWORD, ""):
        with pytest.raises(errors.BadCredentials):
            await identity.login(EMAIL, password, AGENT)
    with pytest.raises(errors.BadCredentials):
        await identity.sessions.begin(user_id, AGENT)
    with pytest.raises(errors.BadMailedToken):
        await identity.changes.reset(box.token(RESET_PAGE), PASSWORD)
    assert await identity.sign_up(EMAIL, NAME, PASSWORD, AGENT)
    identity.close()


async def test_another_node_forgets_the_name_when_it_hears_and_after_a_minute_anyhow(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, _ = await node(database)
    others = [(await node(database))[0] for _ in range(2)]
    user = (await identity.register(EMAIL, NAME, PASSWORD, AGENT)).user
    for each in others:
        assert await each.names([user.id]) == {user.id: NAME}

    await identity.closing.erase(user.id)
    assert await others[1].names([user.id]) == {user.id: NAME}, "it has not heard yet"
    others[0].accounts.renamed(user.id)
    monkeypatch.setattr("collabcampus.identity.accounts.NAMES_KEPT_S", 0)

    for each in (identity, *others):
        assert await each.names([user.id]) == {user.id: "Former member"}
        each.close()


async def test_api_tokens_are_dead_at_once_also_where_they_were_just_found_good(database: Database) -> None:
    identity, _ = await node(database)
    other, _ = await node(database)
    user = (await identity.register(EMAIL, NAME, PASSWORD, AGENT)).user
    made = await identity.api_tokens.make(user.id, SCRIPT, frozenset({"read"}))
    for each in (identity, other):
        assert await each.claims(made.token)

    await identity.closing.erase(user.id)
    with pytest.raises(errors.TokenInvalid):
        await identity.claims(made.token)
    other.sessions.heard(made.token_id)  # as every node is told
    with pytest.raises(errors.TokenInvalid):
        await other.claims(made.token)
    for each in (identity, other):
        each.close()


async def test_the_last_administrator_stays_and_one_of_two_may_go(database: Database) -> None:
    identity, _ = await node(database)
    boss = (await identity.register(EMAIL, NAME, PASSWORD, AGENT)).user
    await identity.administration.change(boss.id, None, admin=True)

    for refused in (identity.closing.require_dispensable, identity.closing.erase):
        with pytest.raises(errors.LastAdministrator):
            await refused(boss.id)
    assert await identity.find(EMAIL)

    bob = (await identity.register("bob@example.org", "Bob", PASSWORD, AGENT)).user
    await identity.administration.change(bob.id, None, admin=True)
    both = await asyncio.gather(*(identity.closing.erase(each.id) for each in (boss, bob)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in both) == ["LastAdministrator", "NoneType"], "one is left"
    identity.close()


async def test_administrators_meet_a_closed_account_no_more(database: Database) -> None:
    identity, _ = await node(database)
    user_id = await closed(identity, database)

    assert await identity.administration.people("", None, 10) == []
    for refused in (
        identity.administration.change(user_id, None, disabled=False),
        identity.administration.require_active(user_id),
        identity.administration.end_sessions(user_id, None),
        identity.closing.erase(user_id),
    ):
        with pytest.raises(errors.PersonNotFound):
            await refused
    assert identity.security._waiting[-1][1] == "account_closed"
    identity.close()
