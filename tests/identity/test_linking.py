"""Whose account it is that a provider vouches for, without any provider: the word is given here."""

from collections.abc import AsyncIterator

import pytest

from collabcampus.identity import Identity, User, errors
from collabcampus.identity.letters import RESET_PAGE, VERIFY_PAGE
from collabcampus.identity.linking import Linking, Vouched
from collabcampus.log.database import Database
from identity.nodes import AGENT, EMAIL, NAME, NEW, PASSWORD, Box, node

pytestmark = pytest.mark.anyio

ALICE = Vouched("https://id.campus.example", "alice", EMAIL, NAME)


@pytest.fixture
async def here(database: Database) -> AsyncIterator[tuple[Identity, Box]]:
    identity, box = await node(database)
    yield identity, box
    identity.close()


async def linked(identity: Identity, database: Database, vouched: Vouched = ALICE) -> User:
    """The account of somebody vouched for."""
    linking = Linking(database, identity.sessions, identity.security, identity.post)
    return await linking.account(vouched, identity.unguessable)


def kinds(identity: Identity) -> list[str]:
    """What the security log was told."""
    return [each[1] for each in identity.security._waiting]


async def test_an_account_that_a_provider_makes_is_verified(here: tuple[Identity, Box], database: Database) -> None:
    identity, _ = here
    user = await linked(identity, database)

    assert (await identity.account(user.id)).verified
    assert await linked(identity, database) == user
    assert kinds(identity) == ["registered"], "and is the same from then on"


async def test_an_account_that_waited_for_its_address_to_be_verified_waits_no_more(database: Database) -> None:
    identity, _ = await node(database, registration="example.org")
    assert await identity.sign_up(EMAIL, NAME, PASSWORD, AGENT) is None
    user = await linked(identity, database)

    assert (await identity.account(user.id)).verified
    assert await database.fetch("SELECT must_verify FROM accounts") == [(False,)]
    assert kinds(identity)[-1] == "account_taken_over"
    identity.close()


@pytest.mark.parametrize("rule", ["closed", "invitation", "elsewhere.example"])
async def test_a_provider_lets_its_people_in_whatever_the_rule_of_registration(database: Database, rule: str) -> None:
    identity, _ = await node(database, registration=rule)

    user = await linked(identity, database)

    assert (await identity.vouched(user, AGENT, "campus")).user == user
    assert '"provider":"campus"' in identity.security._waiting[-1][6]
    identity.close()


async def test_a_verified_account_is_linked_and_keeps_what_it_has(
    here: tuple[Identity, Box], database: Database
) -> None:
    identity, box = here
    mine = await identity.register(EMAIL, NAME, PASSWORD, AGENT, verified=True)
    token = (await identity.api_tokens.make(mine.user.id, "a script", frozenset({"read"}))).token

    assert await linked(identity, database) == mine.user
    assert await identity.claims(mine.token)
    assert await identity.claims(token)
    assert kinds(identity)[-1] == "provider_linked"
    await identity.post.drained()
    assert [(each["to"], each["subject"]) for each in box.mails] == [(EMAIL, "You can sign in another way now")]


async def test_nothing_of_a_squatter_opens_the_account_any_more(
    here: tuple[Identity, Box], database: Database
) -> None:
    identity, box = here
    squatter = await identity.register(EMAIL, "Squatter", PASSWORD, AGENT)
    token = (await identity.api_tokens.make(squatter.user.id, "a script", frozenset({"write"}))).token
    assert await identity.claims(token)
    await identity.changes.email(squatter.user.id, "squatter@example.org", PASSWORD)
    await identity.post.drained()

    assert await linked(identity, database) == squatter.user

    for dead in (squatter.token, token):
        with pytest.raises(errors.SessionEnded):
            await identity.claims(dead)
    with pytest.raises(errors.BadRefreshToken):
        await identity.refresh(squatter.refresh_token)
    with pytest.raises(errors.BadCredentials):
        await identity.login(EMAIL, PASSWORD, AGENT)
    with pytest.raises(errors.BadMailedToken):
        await identity.changes.verify(box.token(VERIFY_PAGE), squatter.user.id)
    assert (await identity.account(squatter.user.id)).email == EMAIL
    assert "account_taken_over" in kinds(identity)


@pytest.mark.parametrize("rule", ["by the operator", "by sign-up"])
async def test_a_squatter_who_registers_while_the_owner_comes_is_not_let_in(
    here: tuple[Identity, Box], database: Database, monkeypatch: pytest.MonkeyPatch, rule: str
) -> None:
    identity, _ = here
    begin = identity.sessions.begin

    async def overtaken(user_id: str, user_agent: str, password_hash: str | None = None) -> tuple[str, str]:
        await linked(identity, database)
        return await begin(user_id, user_agent, password_hash)

    monkeypatch.setattr(identity.sessions, "begin", overtaken)
    come = identity.register if rule == "by the operator" else identity.sign_up
    with pytest.raises(errors.BadCredentials):
        await come(EMAIL, "Squatter", PASSWORD, AGENT)

    assert await database.fetch("SELECT FROM sessions") == []


async def test_a_first_password_comes_by_mail_and_closes_the_account_too(
    here: tuple[Identity, Box], database: Database
) -> None:
    identity, box = here
    user = await linked(identity, database)
    for guess in ("", PASSWORD):
        with pytest.raises(errors.WrongPassword):
            await identity.changes.require_password(user.id, guess)

    identity.changes.forgot(EMAIL)
    await identity.post.drained()
    await identity.changes.reset(box.token(RESET_PAGE), NEW)

    assert (await identity.login(EMAIL, NEW, AGENT)).user == user
    assert (await identity.changes.require_password(user.id, NEW))[0].id == user.id
    assert await linked(identity, database) == user, "and the provider knows them as before"


async def test_who_closed_an_account_comes_as_somebody_new(here: tuple[Identity, Box], database: Database) -> None:
    identity, _ = here
    user = await linked(identity, database)
    await identity.closing.erase(user.id)

    again = await linked(identity, database)

    assert again.id != user.id
    assert await database.fetch("SELECT user_id FROM openid_identities") == [(again.id,)]
