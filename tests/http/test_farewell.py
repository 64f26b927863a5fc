"""Closing an account while others go on: what comes in between is left, too."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.errors import LastOwner
from collabcampus.domain.project import Actor
from collabcampus.http.door import Door
from collabcampus.http.farewell import farewell
from collabcampus.identity import SignedIn, errors
from collabcampus.identity.closing import Closing
from collabcampus.log import orphans, persons
from live.asking import a_garden, made, registered

pytestmark = pytest.mark.anyio

EMAIL, PASSWORD, AGENT = "alice@example.org", "a long enough password", "a test"


@pytest.fixture
async def alice(application: Application) -> SignedIn:
    return await application.identity.register(EMAIL, "Alice", PASSWORD, AGENT)


async def closed(application: Application, alice: SignedIn) -> None:
    """Alice closes her account."""
    session = application.identity.authenticate(alice.token).session_id
    door = Door(application.database, application.projects, application.identity)
    await farewell(door, alice.user.id, session)


def before(step: str, done: Callable[[], Awaitable[object]], patch: pytest.MonkeyPatch) -> None:
    """Have something done just before a step of the closing."""
    original = getattr(Closing, step)

    async def stepped(*values: Any) -> None:
        await done()
        await original(*values)

    patch.setattr(Closing, step, stepped)


async def test_a_project_that_somebody_was_added_to_meanwhile_is_left(
    application: Application, alice: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bob,) = await registered(application, "Bob")
    garden = (await a_garden(application, bob)).project_id
    before("erase", lambda: made(application, c.AddMember("editor", alice.user.id), bob, garden), monkeypatch)

    await closed(application, alice)

    assert await persons.memberships_of(application.database, alice.user.id) == []


async def test_whoever_makes_a_project_meanwhile_keeps_the_account_until_it_is_handed_over(
    application: Application, alice: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    before("end_others", lambda: a_garden(application, Actor(alice.user.id)), monkeypatch)

    with pytest.raises(LastOwner):
        await closed(application, alice)

    assert (await application.identity.account(alice.user.id)).email == EMAIL


async def test_a_project_made_at_the_very_end_is_an_orphan(
    application: Application, alice: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bob,) = await registered(application, "Bob")
    garden = (await a_garden(application, bob)).project_id

    async def a_project_and_a_place_in_another() -> None:
        await a_garden(application, Actor(alice.user.id))
        await made(application, c.AddMember("editor", alice.user.id), bob, garden)

    before("erase", a_project_and_a_place_in_another, monkeypatch)

    await closed(application, alice)

    (orphan,) = await orphans.orphaned(application.database, None, 10)
    assert orphan["owners"] == [alice.user.id]
    (left,) = await persons.memberships_of(application.database, alice.user.id)
    assert left.last_owner, "the place in the other project is left all the same"


async def test_no_other_session_and_no_api_token_sees_the_end(
    application: Application, alice: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, refused = application.identity, list[str]()
    phone = await identity.login(EMAIL, PASSWORD, AGENT)
    script = await identity.api_tokens.make(alice.user.id, "a script", frozenset({"write"}))

    async def asked() -> None:
        for token in (phone.token, script.token):
            with pytest.raises(errors.SessionEnded) as told:
                await identity.claims(token)
            refused.append(told.value.code)
        assert await identity.claims(alice.token), "which closes it"

    before("erase", asked, monkeypatch)
    await closed(application, alice)

    assert len(refused) == 2


async def test_a_closing_that_is_refused_ends_no_session(application: Application, alice: SignedIn) -> None:
    phone = await application.identity.login(EMAIL, PASSWORD, AGENT)
    await a_garden(application, Actor(alice.user.id))

    with pytest.raises(LastOwner):
        await closed(application, alice)

    assert await application.identity.claims(phone.token)
