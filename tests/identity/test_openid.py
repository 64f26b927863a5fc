"""Sign-in with a real identity provider, on two nodes with one database."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from structlog.testing import capture_logs

from collabcampus.identity import SESSIONS_CHANNEL, Identity, errors, issuer
from collabcampus.identity.linking import Linking, Vouched
from collabcampus.identity.openid import Known, OpenId, roles_of
from collabcampus.log.database import Database
from collabcampus.providers import Provider
from vouching import BACK, IdentityProvider, needs_provider

pytestmark = pytest.mark.anyio
PASSWORD, AGENT = "a long enough password", "a test"


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as running:
        yield running


@pytest.fixture
async def nodes(database: Database, identity: Identity, provider: IdentityProvider) -> AsyncIterator[list[OpenId]]:
    configured = msgspec.convert([provider.settings()], tuple[Provider, ...])
    opened = [OpenId(database, identity, configured, redirects=(BACK,)) for _ in range(2)]
    yield opened
    for each in opened:
        await each.close()


def somebody(provider: IdentityProvider, **claims: Any) -> tuple[str, str]:
    subject = str(uuid.uuid4())
    email = f"{subject}@campus.example"
    provider.person(subject, **{"email": email, "email_verified": True, "name": "Ann", **claims})
    return subject, email


async def come_in(provider: IdentityProvider, subject: str, begins: OpenId, finishes: OpenId | None = None) -> Known:
    """Sign somebody in, begun on one node and finished on another."""
    begun = await begins.start("campus", BACK)
    came = await asyncio.to_thread(provider.come_back, begun.url, subject)
    return await (finishes or begins).finish("campus", came["code"], came["state"], begun.verifier, came["iss"])


@needs_provider
async def test_a_sign_in_begun_on_one_node_is_finished_on_another(
    provider: IdentityProvider, nodes: list[OpenId], identity: Identity
) -> None:
    subject, email = somebody(provider)

    known = await come_in(provider, subject, *nodes)

    assert known.user == await identity.find(email)
    assert known.user.name == "Ann"


@needs_provider
async def test_nothing_that_opens_a_door_is_stored_or_shown(
    provider: IdentityProvider, nodes: list[OpenId], database: Database
) -> None:
    begun = await nodes[0].start("campus", BACK)

    ((stored,),) = await database.fetch("SELECT a::text FROM openid_attempts AS a")
    assert BACK in stored
    for secret in (begun.state, begun.verifier):
        assert secret not in stored + repr(begun)
        assert secret.encode().hex() not in stored


@needs_provider
async def test_first_sign_ins_at_once_make_one_account(
    provider: IdentityProvider, nodes: list[OpenId], database: Database
) -> None:
    subject, _ = somebody(provider)

    known = await asyncio.gather(*(come_in(provider, subject, node) for node in nodes * 3))

    assert len({each.user.id for each in known}) == 1
    assert await database.fetch("SELECT count(*) FROM accounts") == [(1,)]


@needs_provider
async def test_an_address_that_was_verified_keeps_its_password_and_sessions(
    provider: IdentityProvider, nodes: list[OpenId], identity: Identity
) -> None:
    subject, email = somebody(provider)
    signed_in = await identity.register(email, "Ann", PASSWORD, AGENT, verified=True)

    known = await come_in(provider, subject, nodes[0])

    assert known.user == signed_in.user
    assert identity.authenticate(signed_in.token).user_id == known.user.id
    assert (await identity.login(email, PASSWORD, AGENT)).user == known.user


@needs_provider
async def test_an_address_that_another_provider_vouched_for_is_verified_as_well(
    provider: IdentityProvider, nodes: list[OpenId], identity: Identity, database: Database
) -> None:
    subject, email = somebody(provider)
    elsewhere = Linking(database, identity.sessions, identity.security, identity.post)
    vouched = Vouched("https://elsewhere.example", "ann", email, "Ann")
    signed_in = await identity.vouched(await elsewhere.account(vouched, identity.unguessable), AGENT, "elsewhere")

    assert (await come_in(provider, subject, nodes[0])).user == signed_in.user
    assert identity.authenticate(signed_in.token).user_id == signed_in.user.id


@needs_provider
async def test_an_address_that_was_given_to_somebody_else_opens_no_account(
    provider: IdentityProvider, nodes: list[OpenId]
) -> None:
    subject, email = somebody(provider)
    known = await come_in(provider, subject, nodes[0])
    follower, _ = somebody(provider, email=email)

    with pytest.raises(errors.EmailTaken):
        await come_in(provider, follower, nodes[0])
    assert await come_in(provider, subject, nodes[0]) == known


@needs_provider
async def test_two_people_with_one_address_at_once_are_one_in_and_one_out(
    provider: IdentityProvider, nodes: list[OpenId], database: Database
) -> None:
    first, email = somebody(provider)
    second, _ = somebody(provider, email=email)

    came = await asyncio.gather(
        *(come_in(provider, each, node) for each, node in zip((first, second), nodes, strict=True)),
        return_exceptions=True,
    )

    assert {type(each) for each in came} == {Known, errors.EmailTaken}
    assert await database.fetch("SELECT count(*) FROM accounts JOIN openid_identities USING (user_id)") == [(1,)]
    assert await database.fetch("SELECT count(*) FROM accounts") == [(1,)]


@needs_provider
async def test_every_node_hears_that_a_squatter_is_out(
    provider: IdentityProvider, nodes: list[OpenId], identity: Identity, database: Database
) -> None:
    subject, email = somebody(provider)
    signed_in = [await identity.register(email, "Squatter", PASSWORD, AGENT)]
    signed_in.append(await identity.login(email, PASSWORD, AGENT))
    sessions = {identity.authenticate(each.token).session_id for each in signed_in}

    listening = await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True)
    async with listening:
        await listening.execute(f"LISTEN {SESSIONS_CHANNEL}".encode())
        await come_in(provider, subject, nodes[0])
        heard = {notice.payload async for notice in listening.notifies(timeout=5, stop_after=2)}

    assert heard == sessions


@needs_provider
async def test_new_keys_of_the_provider_are_asked_for_and_not_too_often(
    provider: IdentityProvider, nodes: list[OpenId], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject, _ = somebody(provider)
    node = nodes[0]
    await come_in(provider, subject, node)

    provider.rotate()
    await come_in(provider, subject, node)

    provider.rotate()
    with pytest.raises(errors.OpenidRefused):
        await come_in(provider, subject, node)
    monkeypatch.setattr(issuer, "KEYS_AGAIN_S", 0)
    await come_in(provider, subject, node)


SETTINGS = {"name": "campus", "title": "Campus", "issuer": "https://id.campus.example", "clientId": "boards"}


async def test_a_sign_in_that_is_refused_is_recorded(database: Database, identity: Identity) -> None:
    node = OpenId(database, identity, msgspec.convert([SETTINGS], tuple[Provider, ...]), redirects=(BACK,))

    with pytest.raises(errors.OpenidStateInvalid):
        await node.finish("campus", "a code", "nobody's", "nobody's", None)

    (entry,) = identity.security._waiting
    assert (entry[1], "openid_state_invalid" in entry[6]) == ("provider_refused", True)
    await node.close()


@needs_provider
async def test_a_provider_that_goes_away_in_the_middle_is_unavailable(
    nodes: list[OpenId], database: Database, identity: Identity
) -> None:
    with IdentityProvider() as short_lived:
        configured = msgspec.convert([short_lived.settings()], tuple[Provider, ...])
        node = OpenId(database, identity, configured, redirects=(BACK,))
        subject, _ = somebody(short_lived)
        begun = await node.start("campus", BACK)
        came = await asyncio.to_thread(short_lived.come_back, begun.url, subject)

    with capture_logs() as logs, pytest.raises(errors.OpenidUnavailable):
        await node.finish("campus", came["code"], came["state"], begun.verifier, came["iss"])

    assert [(each["event"], each["provider"]) for each in logs] == [("identity_provider_failed", "campus")]
    assert came["code"] not in str(logs)
    await node.close()


async def test_a_provider_that_was_away_is_asked_again_a_little_later(
    database: Database, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = msgspec.convert([{**SETTINGS, "issuer": "http://127.0.0.1:9"}], tuple[Provider, ...])
    node = OpenId(database, identity, away, redirects=(BACK,))

    with capture_logs() as logs:
        for _ in ("asked", "remembered"):
            with pytest.raises(errors.OpenidUnavailable):
                await node.start("campus", BACK)
        assert len(logs) == 1
        monkeypatch.setattr(issuer, "FAILED_FOR_S", 0)
        with pytest.raises(errors.OpenidUnavailable):
            await node.start("campus", BACK)
        assert len(logs) == 2
    await node.close()


@needs_provider
async def test_a_wrong_secret_of_ours_is_our_operators_to_mend(
    provider: IdentityProvider, database: Database, identity: Identity
) -> None:
    wrong = msgspec.convert([provider.settings(clientSecret="wrong")], tuple[Provider, ...])
    node = OpenId(database, identity, wrong, redirects=(BACK,))
    subject, _ = somebody(provider)

    with capture_logs() as logs, pytest.raises(errors.OpenidUnavailable):
        await come_in(provider, subject, node)

    assert [each["why"] for each in logs] == ["401 invalid_client"]
    await node.close()


@needs_provider
async def test_a_provider_under_another_issuers_name_is_refused(
    provider: IdentityProvider, database: Database, identity: Identity
) -> None:
    other = msgspec.convert([provider.settings(issuer=f"{provider.issuer}/")], tuple[Provider, ...])
    node = OpenId(database, identity, other, redirects=(BACK,))

    with pytest.raises(errors.OpenidUnavailable):
        await node.start("campus", BACK)
    await node.close()


@needs_provider
@pytest.mark.parametrize("address", [f"{BACK}/", f"{BACK}?next=/", "http://127.0.0.1:5173/other"])
async def test_pages_that_are_named_are_the_only_ones(nodes: list[OpenId], address: str) -> None:
    with pytest.raises(errors.OpenidRedirectRefused):
        await nodes[0].start("campus", address)


PROJECT, OTHER = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["staff"], {PROJECT: "editor", OTHER: "viewer"}),
        (["heads", "staff"], {PROJECT: "owner", OTHER: "viewer"}),
        (["guests", "staff"], {PROJECT: "editor", OTHER: "viewer"}),
        ("heads", {PROJECT: "owner"}),
        (["Staff", "", None, {"staff": True}], {}),
        ([], {}),
        (None, {}),
    ],
)
async def test_the_highest_role_that_a_group_gives_counts(groups: Any, expected: dict[str, str]) -> None:
    roles = {
        "heads": [{"projectId": PROJECT, "role": "owner"}],
        "guests": [{"projectId": PROJECT, "role": "viewer"}],
        "staff": [{"projectId": PROJECT, "role": "editor"}, {"projectId": OTHER, "role": "viewer"}],
    }
    provider = msgspec.convert({**SETTINGS, "roles": roles, "groupsClaim": "memberOf"}, Provider)

    assert roles_of(provider, {"memberOf": groups, "groups": ["heads"]}) == expected
