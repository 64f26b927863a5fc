"""Who is let in: real argon2, real tokens, real PostgreSQL, two nodes where it matters."""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from collabcampus.identity import Identity, errors, tokens
from collabcampus.identity.tokens import Tokens, WeakSecret
from collabcampus.log.database import Database

pytestmark = pytest.mark.anyio

EMAIL, NAME, PASSWORD, AGENT = "alice@example.org", "Alice", "a long enough password", "a test"
SECRET = b"s" * 32


@pytest.fixture
async def identity(database: Database) -> AsyncIterator[Identity]:
    opened = Identity(database, secret=None, refresh_grace=10)
    await opened.open()
    yield opened
    opened.close()


@pytest.fixture
async def other_node(database: Database) -> AsyncIterator[Identity]:
    opened = Identity(database, secret=None, refresh_grace=10)
    await opened.open()
    yield opened
    opened.close()


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
    "password", ["", "short", "x" * 129, "aaaaaaaaaaaaaaa", "PasswordPassword", EMAIL, "with a \0 inside it"]
)
async def test_a_weak_password_is_refused(identity: Identity, password: str) -> None:
    with pytest.raises(errors.WeakPassword) as refused:
        await identity.register(EMAIL, NAME, password, AGENT)
    assert refused.value.details["reason"]


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
        assert secret not in repr(signed_in)
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


def forged(change: dict[str, Any], header: dict[str, Any] | None = None, key: bytes = SECRET, **how: Any) -> str:
    """A token with something different."""
    good = jwt.decode(Tokens(SECRET).issue(str(uuid.uuid4()), str(uuid.uuid4())), options={"verify_signature": False})
    claims = {name: value for name, value in {**good, **change}.items() if value is not None}
    kid = jwt.get_unverified_header(Tokens(SECRET).issue("", ""))["kid"]
    return jwt.encode(claims, key, headers={"kid": kid, **(header or {})}, **{"algorithm": "HS256", **how})


def unsigned(algorithm: str) -> str:
    """A token that claims to need no signature."""
    _, claims, _ = forged({}).split(".")
    kid = jwt.get_unverified_header(forged({}))["kid"]
    header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": kid}).encode()).rstrip(b"=").decode()
    return f"{header}.{claims}."


@pytest.mark.parametrize(
    "token",
    [
        forged({}, key=b"x" * 32),
        forged({}, algorithm="HS384", key=SECRET * 2),
        forged({}, header={"kid": "another"}),
        forged({}, header={"jku": "https://evil.example/keys"}),
        forged({}, header={"jwk": {"kty": "oct", "k": "c3Nz"}}),
        forged({}, header={"crit": ["exp2"]}),
        forged({"iss": "somebody"}),
        forged({"aud": "somebody"}),
        forged({"sub": "not an id"}),
        forged({"iat": int(time.time()) + 3_600}),
        *(forged({claim: None}) for claim in tokens.REQUIRED),
        unsigned("none"),
        unsigned("None"),
        "a.b.c",
        "\ud800",
    ],
)
def test_a_forged_token_is_invalid(token: str) -> None:
    assert Tokens(SECRET).check(forged({}))
    with pytest.raises(errors.TokenInvalid):
        Tokens(SECRET).check(token)


def test_an_expired_token_says_so() -> None:
    with pytest.raises(errors.TokenExpired):
        Tokens(SECRET).check(forged({"exp": int(time.time()) - tokens.LEEWAY_S - 1}))


def test_a_weak_secret_is_refused() -> None:
    with pytest.raises(WeakSecret):
        Tokens(b"short")
