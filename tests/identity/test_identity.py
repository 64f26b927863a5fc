"""Who is let in: real argon2, real tokens, real PostgreSQL, two nodes where it matters."""

import asyncio
import time
import uuid

import psycopg
import pytest
from argon2 import PasswordHasher
from rich.pretty import pretty_repr
from structlog.testing import capture_logs

from collabcampus.identity import SESSIONS_CHANNEL, Identity, accounts, errors, sessions
from collabcampus.identity.keys import Keyring, WeakSecret
from collabcampus.identity.tokens import Tokens
from collabcampus.log.database import Database

pytestmark = pytest.mark.anyio

EMAIL, NAME, PASSWORD, AGENT = "alice@example.org", "Alice", "a long enough password", "a test"
SECRET = b"s" * 32


async def test_whoever_registers_can_sign_in_under_the_same_address_however_it_is_written(identity: Identity) -> None:
    registered = await identity.register(" Alice@Example.org ", NAME, PASSWORD, AGENT)
    signed_in = await identity.login("ALICE@example.ORG", PASSWORD, AGENT)

    assert signed_in.user == registered.user
    assert identity.authenticate(signed_in.token).user_id == registered.user.id
    assert (signed_in.user.email, signed_in.expires_in) == (EMAIL, 900)


async def test_an_unknown_person_and_a_wrong_password_are_refused_alike(identity: Identity) -> None:
    await identity.register(EMAIL, NAME, PASSWORD, AGENT)

    refusals = []
    for email, password in [(EMAIL, "not the password"), ("bob@example.org", PASSWORD), ("no address", PASSWORD),
                            (EMAIL, "x" * 5_000), (EMAIL, "\ud800")]:  # fmt: skip
        with pytest.raises(errors.BadCredentials) as refused:
            await identity.login(email, password, AGENT)
        refusals.append(refused.value.as_error())
    assert all(each == refusals[0] for each in refusals)


@pytest.mark.parametrize(
    "password",
    ["", "short", "x" * 129, "aaaaaaaaaaaaaaa", "PasswordPassword", EMAIL, "ALICE@example.org ",
     "with a \0 inside it", "with a \ud800 inside it"],
)  # fmt: skip
async def test_a_weak_password_is_refused(identity: Identity, password: str) -> None:
    with pytest.raises(errors.WeakPassword) as refused:
        await identity.register(" Alice@Example.org", NAME, password, AGENT)
    assert refused.value.details["reason"]


async def test_one_address_is_registered_once_however_it_is_written(identity: Identity) -> None:
    await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    with pytest.raises(errors.EmailTaken):
        await identity.register("ALICE@Example.org", NAME, PASSWORD, AGENT)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "alice",
        "a@b@c",
        "a b@c",
        "a\0@c",
        "a\x9f@c",
        "a\ud800@c",
        "@c",
        "a@",
        "a" * 253 + "@c",
        "a\u200bb@c",
        "a\u200d@c",
        "a@c\u202e",
        "\ufeffa@c",
    ],
)
async def test_what_is_no_address_is_refused(identity: Identity, email: str) -> None:
    with pytest.raises(errors.InvalidEmail):
        await identity.register(email, NAME, PASSWORD, AGENT)
    assert await identity.find(email) is None


@pytest.mark.parametrize(
    "name",
    ["", "  ", "x" * 101, "a\nb", "a\x9fb", "a\ud800b", "\u200b", "Al\u200bice", "\u202eecilA", "Alice\u2069",
     "\ufeffAlice", "Alice\u200d", "\u200cAlice", "Al\u200d\u200dice", "Alice \u200d Doe", "Al\u00adice"],
)  # fmt: skip
async def test_what_is_no_name_is_refused(identity: Identity, name: str) -> None:
    with pytest.raises(errors.InvalidName):
        await identity.register(EMAIL, name, PASSWORD, AGENT)


async def test_a_name_may_join_what_is_seen(identity: Identity) -> None:
    joined = ("Ada \U0001f469\u200d\U0001f4bb", "\u0646\u06cc\u200c\u0644\u0648", "\U0001f3f3\ufe0f\u200d\U0001f308")
    for nth, name in enumerate(joined):
        made = await identity.register(f"{nth}@example.org", name, PASSWORD, AGENT)
        assert made.user.name == name


async def test_only_the_right_password_hears_that_an_account_is_disabled(
    identity: Identity, database: Database
) -> None:
    signed_in = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    await database.fetch("UPDATE accounts SET disabled_at = now() RETURNING 1")

    with pytest.raises(errors.BadCredentials):
        await identity.login(EMAIL, "not the password", AGENT)
    with pytest.raises(errors.AccountDisabled):
        await identity.login(EMAIL, PASSWORD, AGENT)
    with pytest.raises(errors.BadRefreshToken):
        await identity.refresh(signed_in.refresh_token)


async def test_signing_in_brings_a_weaker_hash_up_to_date(identity: Identity, database: Database) -> None:
    user = (await identity.register(EMAIL, NAME, PASSWORD, AGENT)).user
    weaker = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    ((stored,),) = await database.fetch("SELECT password_hash FROM accounts")
    assert await identity.accounts.set_hash(user.id, weaker, stored)
    assert not await identity.accounts.set_hash(user.id, "another", stored), "the password was changed meanwhile"

    await identity.login(EMAIL, PASSWORD, AGENT)

    ((stored,),) = await database.fetch("SELECT password_hash FROM accounts")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await identity.login(EMAIL, PASSWORD, AGENT)


async def test_people_are_found_by_address_and_named_by_id(identity: Identity) -> None:
    user = (await identity.register(EMAIL, NAME, PASSWORD, AGENT)).user

    assert await identity.find(" ALICE@example.org") == user == await identity.user(user.id)
    assert await identity.find("bob@example.org") is None
    for _ in ("asked", "remembered"):
        assert await identity.names([user.id, str(uuid.uuid4())]) == {user.id: NAME}


async def test_names_are_whole_while_others_fill_the_memory(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "NAMES_REMEMBERED", 3)
    users = await identity.accounts.add([(f"{n}@example.org", str(n)) for n in range(6)], "no hash")
    ids = [user.id for user in users]
    await identity.names(ids[:2])

    both = await asyncio.gather(identity.names(ids[:3]), identity.names(ids[3:]))

    assert [list(each.values()) for each in both] == [["0", "1", "2"], ["3", "4", "5"]]


async def test_nothing_secret_is_stored_or_shown(identity: Identity, database: Database) -> None:
    signed_in = await identity.register(EMAIL, NAME, PASSWORD, AGENT)

    rows = [
        row
        for table in ("accounts", "sessions", "refresh_tokens")
        for row in await database.fetch(f"SELECT t::text FROM {table} AS t")
    ]
    assert rows
    for secret in (PASSWORD, signed_in.token, signed_in.refresh_token):
        assert secret not in str(rows)
        assert secret not in repr(signed_in) + pretty_repr(signed_in)
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in str(rows)


async def test_a_refresh_token_is_used_once_and_its_late_reuse_ends_the_session(database: Database) -> None:
    identity = Identity(database, secret=None, refresh_grace=0)
    await identity.open()
    first = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    second = await identity.refresh(first.refresh_token)
    assert second.refresh_token != first.refresh_token

    with pytest.raises(errors.BadRefreshToken):
        await identity.refresh(first.refresh_token)

    for dead in (first.refresh_token, second.refresh_token, "nonsense", "\ud800"):
        with pytest.raises(errors.BadRefreshToken):
            await identity.refresh(dead)
    with pytest.raises(errors.SessionEnded):
        identity.authenticate(second.token)
    identity.close()


async def test_a_used_refresh_token_is_good_for_its_grace_and_ends_the_family_after_it(
    identity: Identity, other_node: Identity, database: Database
) -> None:
    first = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    second = await identity.refresh(first.refresh_token)
    assert (await other_node.refresh(first.refresh_token)).refresh_token == second.refresh_token

    await database.fetch("UPDATE refresh_tokens SET used_at = used_at - interval '11 s' RETURNING 1")
    with pytest.raises(errors.BadRefreshToken):
        await identity.refresh(first.refresh_token)

    with pytest.raises(errors.BadRefreshToken):
        await other_node.refresh(second.refresh_token)
    ((ended, reason),) = await database.fetch("SELECT ended_at IS NOT NULL, end_reason FROM sessions")
    assert (ended, reason) == (True, "a refresh token was used twice")


async def test_an_expired_refresh_token_is_refused(identity: Identity, database: Database) -> None:
    signed_in = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    await database.fetch("UPDATE refresh_tokens SET expires_at = now() RETURNING 1")
    with pytest.raises(errors.BadRefreshToken):
        await identity.refresh(signed_in.refresh_token)


async def test_the_end_of_a_session_is_notified_by_sign_out_and_by_reuse(database: Database) -> None:
    identity = Identity(database, secret=None, refresh_grace=0)
    await identity.open()
    listening = await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True)
    async with listening:
        await listening.execute(f"LISTEN {SESSIONS_CHANNEL}".encode())
        first = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
        second = await identity.login(EMAIL, PASSWORD, AGENT)
        ids = [identity.authenticate(each.token).session_id for each in (first, second)]

        await identity.logout(ids[0])
        await identity.refresh(second.refresh_token)
        with pytest.raises(errors.BadRefreshToken):
            await identity.refresh(second.refresh_token)

        assert ids == [notice.payload async for notice in listening.notifies(timeout=5, stop_after=2)]
    identity.close()


async def test_twenty_refreshes_at_once_on_two_nodes_give_one_successor(
    identity: Identity, other_node: Identity
) -> None:
    first = await identity.register(EMAIL, NAME, PASSWORD, AGENT)

    fresh = await asyncio.gather(*(node.refresh(first.refresh_token) for node in [identity, other_node] * 10))

    assert len({each.refresh_token for each in fresh}) == 1
    assert (await identity.refresh(fresh[0].refresh_token)).user == first.user


async def test_a_sign_out_is_known_on_the_other_node_once_it_hears(identity: Identity, other_node: Identity) -> None:
    signed_in = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    session_id = other_node.authenticate(signed_in.token).session_id
    ended: list[str] = []
    other_node.sessions.on_end.append(ended.append)

    await identity.logout(session_id)
    with pytest.raises(errors.SessionEnded):
        identity.authenticate(signed_in.token)
    other_node.sessions.heard(session_id)
    other_node.sessions.heard(session_id)

    with pytest.raises(errors.SessionEnded):
        other_node.authenticate(signed_in.token)
    assert ended == [session_id]


async def test_sessions_that_ended_before_the_start_are_known(identity: Identity, database: Database) -> None:
    signed_in = await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    await identity.logout(identity.authenticate(signed_in.token).session_id)

    started_later = Identity(database, secret=None, refresh_grace=10)
    await started_later.open()
    with pytest.raises(errors.SessionEnded):
        started_later.authenticate(signed_in.token)
    started_later.close()


async def test_the_ends_of_many_sessions_do_not_hold_the_loop(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.perf_counter()
    for n in range(20_000):
        identity.sessions.heard(str(n))
    monkeypatch.setattr(sessions, "ENDED_KEPT_S", 0)
    identity.sessions.heard("the last")

    assert time.perf_counter() - began < 2, "each end must not look at all others"
    assert identity.sessions.has_ended("the last")
    assert not identity.sessions.has_ended("0")


async def test_a_listener_that_fails_keeps_nobody_from_hearing_the_end(identity: Identity) -> None:
    ended: list[str] = []
    identity.sessions.on_end += [lambda session_id: 1 / 0, ended.append]

    with capture_logs() as logs:
        identity.sessions.heard("a session")

    assert ended == ["a session"]
    assert [each["error"] for each in logs] == ["ZeroDivisionError"]


async def test_nodes_that_start_together_share_the_keys(database: Database) -> None:
    nodes = [Identity(database, secret=None, refresh_grace=10) for _ in range(4)]
    await asyncio.gather(*(node.open() for node in nodes))
    signed_in = await nodes[0].register(EMAIL, NAME, PASSWORD, AGENT)

    assert {node.authenticate(signed_in.token).user_id for node in nodes} == {signed_in.user.id}
    assert len({(await node.refresh(signed_in.refresh_token)).refresh_token for node in nodes}) == 1
    for node in nodes:
        node.close()


async def test_a_secret_of_the_settings_signs_instead_and_a_short_one_is_refused(
    identity: Identity, database: Database
) -> None:
    own = Identity(database, secret=SECRET.decode(), refresh_grace=10)
    await own.open()
    signed_in = await own.register(EMAIL, NAME, PASSWORD, AGENT)
    assert Tokens(Keyring.given(SECRET.decode())).check(signed_in.token) == own.authenticate(signed_in.token)
    with pytest.raises(errors.TokenInvalid):
        identity.authenticate(signed_in.token)

    with pytest.raises(WeakSecret, match="at least 32 bytes"):
        await Identity(database, secret="s" * 31, refresh_grace=10).open()
    own.close()


async def test_sign_ins_at_once_leave_the_loop_free(identity: Identity) -> None:
    await identity.register(EMAIL, NAME, PASSWORD, AGENT)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(identity.login(EMAIL, PASSWORD, AGENT) for _ in range(20)))
    ticking.cancel()

    assert ticks > 50, "hashing held the loop"
