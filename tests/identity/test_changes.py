"""Passwords and addresses change by who may: tokens end, are counted, and races have one outcome."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from collabcampus.domain.errors import Refused
from collabcampus.identity import Identity, errors
from collabcampus.identity.letters import RESET_PAGE, VERIFY_PAGE
from collabcampus.identity.linking import Linking
from collabcampus.identity.proofs import Proofs
from collabcampus.identity.security_log import PASSWORD_FORGOTTEN, peer
from collabcampus.log.database import Database
from identity.nodes import AGENT, EMAIL, NAME, NEW, PASSWORD, Box, node
from identity.racing import CLOSING, RESET, TAKE_OVER, VOUCHED, act, one_after_the_other

pytestmark = pytest.mark.anyio


@pytest.fixture
async def here(database: Database) -> AsyncIterator[tuple[Identity, Box]]:
    identity, box = await node(database)
    yield identity, box
    identity.close()


async def forgotten(identity: Identity, box: Box) -> str:
    """A token that sets a new password."""
    identity.changes.forgot(EMAIL)
    await identity.post.drained()
    return box.token(RESET_PAGE)


async def outcome(*doings: object) -> list[str]:
    """How each of these ended that are done at once: `done`, or the code of a refusal."""
    ended = await asyncio.gather(*doings, return_exceptions=True)  # type: ignore[call-overload]
    assert all(each is None or isinstance(each, Refused) for each in ended), ended
    return sorted("done" if each is None else each.code for each in ended)


async def test_a_mailed_token_is_stored_as_a_hash_alone(here: tuple[Identity, Box], database: Database) -> None:
    identity, box = here
    await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    token = await forgotten(identity, box)

    ((stored,),) = await database.fetch("SELECT p::text FROM proofs AS p")

    assert len(token) >= 43, "32 random bytes"
    assert token not in stored
    assert token.encode().hex() not in stored


@pytest.mark.parametrize(
    ("purpose", "life"), [("password", "1 hour"), ("address", "1 day")],
)  # fmt: skip
async def test_a_mailed_token_is_over_after_a_while(
    here: tuple[Identity, Box], database: Database, purpose: str, life: str
) -> None:
    identity, box = here
    user = (await identity.register(EMAIL, NAME, PASSWORD, AGENT)).user
    await forgotten(identity, box) if purpose == "password" else await identity.changes.verification(user.id)
    await identity.post.drained()

    async def brought() -> None:
        if purpose == "password":
            await identity.changes.reset(box.token(), NEW)
        else:
            await identity.changes.verify(box.token(), user.id)

    ((left,),) = await database.fetch(
        "SELECT expires_at - now() BETWEEN %s::interval - interval '1 min' AND %s FROM proofs", life, life
    )
    assert left
    await database.write("UPDATE proofs SET expires_at = now() RETURNING 1")
    with pytest.raises(errors.BadMailedToken):
        await brought()
    await database.write("UPDATE proofs SET expires_at = now() + interval '1 min' RETURNING 1")
    await brought()


async def test_whoever_is_disabled_is_mailed_no_token(here: tuple[Identity, Box]) -> None:
    identity, box = here
    user = (await identity.register(EMAIL, NAME, PASSWORD, AGENT)).user
    await identity.administration.change(user.id, None, disabled=True)

    for mails in (0, 1):
        identity.changes.forgot(EMAIL)
        await identity.post.drained()
        assert len(box.mails) == mails
        await identity.administration.change(user.id, None, disabled=False)


async def test_a_token_that_many_bring_at_once_is_used_once(here: tuple[Identity, Box]) -> None:
    identity, box = here
    await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    token = await forgotten(identity, box)

    ended = await outcome(*(identity.changes.reset(token, f"{NEW} {nth}") for nth in range(5)))

    assert ended == ["bad_mailed_token"] * 4 + ["done"]


async def test_a_password_that_two_change_at_once_is_one_of_theirs(
    here: tuple[Identity, Box], database: Database
) -> None:
    identity, _ = here
    other, _ = await node(database)
    signed_in = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    session = identity.authenticate(signed_in.token).session_id

    ended = await outcome(
        *(each.changes.password(signed_in.user.id, session, PASSWORD, f"{NEW} {nth}")
          for nth, each in enumerate([identity, other]))
    )  # fmt: skip

    assert ended == ["done", "wrong_password"]
    other.close()


async def test_nobody_comes_in_with_a_password_while_it_is_changed(
    here: tuple[Identity, Box], database: Database
) -> None:
    identity, _ = here
    signed_in = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    session = identity.authenticate(signed_in.token).session_id
    ((old,),) = await database.fetch("SELECT password_hash FROM accounts")
    async with database.connection() as connection, connection.transaction():
        await connection.execute("UPDATE accounts SET password_hash = 'another'")
        entering = asyncio.create_task(identity.sessions.begin(signed_in.user.id, AGENT, old))
        await asyncio.sleep(0.05)
        assert not entering.done(), "it waits for what the password will be"

    with pytest.raises(errors.BadCredentials):
        await entering
    assert await database.fetch("SELECT session_id FROM sessions") == [(session,)]


async def test_a_token_that_goes_to_an_address_of_before_sets_no_password(
    here: tuple[Identity, Box], database: Database
) -> None:
    identity, _ = here
    user = (await identity.register(EMAIL, NAME, PASSWORD, AGENT)).user

    token = await Proofs(database).issue(user.id, "password", "of-before@example.org")

    with pytest.raises(errors.BadMailedToken):
        await identity.changes.reset(token, NEW)


async def test_a_token_stays_dead_when_the_address_comes_back(here: tuple[Identity, Box]) -> None:
    identity, box = here
    user = (await identity.register(EMAIL, NAME, PASSWORD, AGENT)).user
    token = await forgotten(identity, box)

    for email in ("elsewhere@example.org", EMAIL):
        await identity.changes.email(user.id, email, PASSWORD)
        await identity.post.drained()
        await identity.changes.verify(box.token(VERIFY_PAGE), user.id)

    assert (await identity.account(user.id)).email == EMAIL
    with pytest.raises(errors.BadMailedToken):
        await identity.changes.reset(token, NEW)


async def test_who_forgot_a_password_is_recorded_with_the_address_that_asked(here: tuple[Identity, Box]) -> None:
    identity, _ = here
    await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    for place in ("192.0.2.1", "192.0.2.2"):
        peer.set(place)
        identity.changes.forgot(EMAIL)
    await identity.post.drained()

    recorded = [each[5] for each in identity.security._waiting if each[1] == PASSWORD_FORGOTTEN]
    assert sorted(recorded) == ["192.0.2.1", "192.0.2.2"]  # two letters leave side by side, in either order


async def test_five_mails_an_hour_are_enough(here: tuple[Identity, Box], database: Database) -> None:
    identity, box = here
    user = (await identity.register(EMAIL, NAME, PASSWORD, AGENT)).user
    with capture_logs() as logs:
        for _ in range(7):
            await forgotten(identity, box)
    assert len(box.mails) == 5
    assert [each for each in logs if each["log_level"] == "error"] == [], "whoever asks too often is no fault of ours"
    await identity.changes.reset(box.token(), NEW), "the last of them is good"

    for _ in range(5):
        await identity.changes.verification(user.id)
    await database.write("UPDATE proofs SET since = since - interval '1 hour' RETURNING 1")
    await forgotten(identity, box)
    assert [each["subject"] for each in box.mails].count("Set a new password") == 6


async def test_whoever_is_disabled_sets_no_password(here: tuple[Identity, Box], database: Database) -> None:
    identity, box = here
    await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    token = await forgotten(identity, box)
    await database.write("UPDATE accounts SET disabled_at = now() RETURNING 1")

    with pytest.raises(errors.BadMailedToken):
        await identity.changes.reset(token, NEW)


async def test_a_new_password_is_none_of_the_weak_ones_by_either_way(here: tuple[Identity, Box]) -> None:
    identity, box = here
    signed_in = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    session = identity.authenticate(signed_in.token).session_id
    token = await forgotten(identity, box)

    for weak in ("short", EMAIL.upper()):
        with pytest.raises(errors.WeakPassword):
            await identity.changes.password(signed_in.user.id, session, PASSWORD, weak)
        with pytest.raises(errors.WeakPassword):
            await identity.changes.reset(token, weak)
    await identity.changes.reset(token, NEW)


@pytest.mark.parametrize("which", [CLOSING, TAKE_OVER, RESET])
async def test_no_address_is_changed_past_the_act_that_puts_somebody_out(
    here: tuple[Identity, Box], database: Database, which: str
) -> None:
    identity, box = here
    user = (await identity.register(EMAIL, NAME, PASSWORD, AGENT)).user
    putting_out = await act(which, identity, box, database)

    changing = identity.changes.email(user.id, "thief@example.org", PASSWORD)
    _, refused = await one_after_the_other(database, putting_out, changing)

    assert isinstance(refused, errors.WrongPassword)
    await identity.post.drained()
    assert "thief@example.org" not in [each["to"] for each in box.mails]
    assert await database.fetch("SELECT FROM proofs WHERE expires_at > now()") == []


async def test_who_is_not_signed_in_proves_an_address_with_the_password(here: tuple[Identity, Box]) -> None:
    identity, box = here
    mine = await identity.sign_up(EMAIL, NAME, PASSWORD, AGENT) or pytest.fail("not in")
    other = await identity.register("bob@example.org", "Bob", NEW, AGENT)
    await identity.post.drained()
    token = box.token(VERIFY_PAGE)

    with pytest.raises(errors.WrongPassword):
        await identity.changes.verify_by_password(token, NEW)
    with pytest.raises(errors.BadMailedToken):
        await identity.changes.verify(token, other.user.id)
    assert not (await identity.account(mine.user.id)).verified

    await identity.changes.verify_by_password(token, PASSWORD)
    assert (await identity.account(mine.user.id)).verified


async def test_presence_is_shown_by_password_or_where_there_is_none_by_a_sign_in_of_just_now(
    here: tuple[Identity, Box], database: Database
) -> None:
    identity, box = here
    linking = Linking(database, identity.sessions, identity.security, identity.post)
    user = await linking.account(VOUCHED, identity.unguessable)
    session = identity.authenticate((await identity.vouched(user, AGENT, "campus")).token).session_id
    shown = identity.changes.require_presence

    assert (await shown(user.id, session, None)).id == user.id
    await database.write("UPDATE sessions SET created_at = created_at - interval '15 min' RETURNING 1")
    for password in (None, PASSWORD):
        with pytest.raises(errors.SignInTooOld):
            await shown(user.id, session, password)

    await identity.changes.reset(await forgotten(identity, box), PASSWORD)
    with pytest.raises(errors.SessionEnded):
        await shown(user.id, session, PASSWORD)
    session = identity.authenticate((await identity.login(EMAIL, PASSWORD, AGENT)).token).session_id
    with pytest.raises(errors.PasswordNeeded):
        await shown(user.id, session, None)
    with pytest.raises(errors.WrongPassword):
        await shown(user.id, session, NEW)
    assert (await shown(user.id, session, PASSWORD)).id == user.id
