"""Wrong passwords are counted for all nodes together, never shut anybody out for good, and tell nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import msgspec
import psycopg
import pytest

from answering import problem
from collabcampus.domain.errors import RateLimited, Unavailable
from collabcampus.identity import Identity, errors
from collabcampus.identity.passwords import THREADS
from collabcampus.identity.security_log import SIGN_IN_REFUSED, THROTTLED, SecurityLog, Wanted, peer
from collabcampus.identity.throttle import (
    ANYWHERE,
    CALLS,
    FORGOTTEN,
    MAILED,
    PLACE,
    PROVIDERS,
    REFRESHES,
    REGISTRATIONS,
    VERIFICATIONS,
    WINDOW_S,
    Bucket,
    Throttle,
)
from collabcampus.log.database import Database
from running import PASSWORD, Person, Server

pytestmark = pytest.mark.anyio

ALICE, NOBODY, AGENT = "alice@example.org", "nobody@example.org", "a test"
HERE, THERE = "192.0.2.1", "198.51.100.7"
RATE = 5
SLOW_S = 5.0
"""What a slow machine is given, where a bucket would not stay empty for long."""


@pytest.fixture
async def nodes(database: Database) -> AsyncIterator[list[Identity]]:
    """Two nodes on one database, and an account."""
    opened = [Identity(database, secret=None, refresh_grace=10, login_rate=RATE) for _ in range(2)]
    for each in opened:
        await each.open()
    await opened[0].register(ALICE, "Alice", PASSWORD, AGENT)
    yield opened
    for each in opened:
        each.close()


async def guess(node: Identity, email: str = ALICE, place: str = HERE, password: str = "not the password") -> str:
    """What somebody is answered: a code, or `let in`."""
    peer.set(place)
    try:
        await node.login(email, password, AGENT)
    except (errors.BadCredentials, RateLimited) as refused:
        return refused.code
    return "let in"


async def test_failures_at_both_nodes_are_counted_together_and_then_the_right_password_waits_too(
    nodes: list[Identity],
) -> None:
    told = [await guess(nodes[nth % 2]) for nth in range(RATE + 2)]

    assert told == ["bad_credentials"] * RATE + ["rate_limited"] * 2
    assert [await guess(each, password=PASSWORD) for each in nodes] == ["rate_limited"] * 2
    assert await guess(nodes[1], place=THERE, password=PASSWORD) == "let in", "elsewhere its owner is let in"


async def test_an_unknown_address_is_throttled_the_same_way_with_the_same_words(nodes: list[Identity]) -> None:
    refused: dict[str, list[RateLimited]] = {ALICE: [], NOBODY: []}
    for email in refused:
        assert [await guess(nodes[0], email, place=f"203.0.113.{len(email)}") for _ in range(RATE)] == [
            "bad_credentials"
        ] * RATE
        with pytest.raises(RateLimited) as told:
            await nodes[0].login(email, PASSWORD, AGENT)
        refused[email].append(told.value)
    (known,), (unknown,) = refused.values()
    assert (known.code, known.message, set(known.details)) == (unknown.code, unknown.message, set(unknown.details))
    assert known.details["retryAfter"] == pytest.approx(unknown.details["retryAfter"], abs=WINDOW_S / RATE)


async def test_nobody_waits_longer_than_for_one_failure_to_be_forgotten(
    nodes: list[Identity], database: Database
) -> None:
    await asyncio.gather(*(guess(each) for each in nodes * 20))
    peer.set(HERE)
    with pytest.raises(RateLimited) as refused:
        await nodes[0].login(ALICE, PASSWORD, AGENT)
    assert 0 < refused.value.details["retryAfter"] <= WINDOW_S / RATE

    await past(database, refused.value.details["retryAfter"])
    assert await guess(nodes[1], password=PASSWORD) == "let in"


async def past(database: Database, seconds: float) -> None:
    """So many seconds go by."""
    await database.write("UPDATE throttle SET full_at = full_at - make_interval(secs => %s) RETURNING 1", seconds)


async def test_guessing_on_while_throttled_makes_nobody_wait_longer(
    nodes: list[Identity], database: Database
) -> None:
    for _ in range(RATE):
        await guess(nodes[0])
    before = await database.fetch("SELECT digest, full_at FROM throttle ORDER BY 1")

    assert {await guess(nodes[0]) for _ in range(20)} == {"rate_limited"}
    assert await database.fetch("SELECT digest, full_at FROM throttle ORDER BY 1") == before


async def test_many_guesses_at_once_are_no_way_around(nodes: list[Identity]) -> None:
    told = await asyncio.gather(*(guess(each) for each in nodes * 20))

    assert RATE <= told.count("bad_credentials") < RATE + THREADS * len(nodes)
    assert set(told) == {"bad_credentials", "rate_limited"}


async def test_right_passwords_are_not_counted(nodes: list[Identity], database: Database) -> None:
    told = await asyncio.gather(*(guess(each, password=PASSWORD) for each in nodes * 2 * RATE))

    assert set(told) == {"let in"}
    assert await database.fetch("SELECT FROM throttle") == []


async def fail(node: Identity, times: int, email: str = "{}@example.org", place: str = "{}") -> None:
    """What so many wrong passwords leave behind, each from a place or for an account of its own."""
    before = peer.get()
    for nth in range(times):
        peer.set(place.format(f"203.0.113.{nth}"))
        await node.throttle.take(node.throttle.of_login(email.format(nth)))
    peer.set(before)


async def test_strangers_elsewhere_shut_nobody_out_before_they_have_guessed_ten_times_as_often(
    nodes: list[Identity], database: Database
) -> None:
    await fail(nodes[0], RATE * ANYWHERE - 1, email=ALICE)
    assert await guess(nodes[1], password=PASSWORD) == "let in"

    await fail(nodes[0], RATE * ANYWHERE, email=ALICE)
    await past(database, -SLOW_S)
    assert await guess(nodes[1], password=PASSWORD) == "rate_limited"
    with pytest.raises(RateLimited) as refused:
        await nodes[1].login(ALICE, PASSWORD, AGENT)
    assert refused.value.details["retryAfter"] <= SLOW_S + WINDOW_S / RATE / ANYWHERE, "and then for a moment"
    assert await guess(nodes[0], NOBODY) == "bad_credentials", "others are not concerned"


async def test_a_place_that_tries_many_accounts_is_throttled_and_other_places_are_not(
    nodes: list[Identity], database: Database
) -> None:
    await fail(nodes[0], RATE * PLACE - 1, place=HERE)
    assert await guess(nodes[1], "one.more@example.org") == "bad_credentials"

    await fail(nodes[0], RATE * PLACE, place=HERE)
    await past(database, -SLOW_S)
    assert await guess(nodes[1], password=PASSWORD) == "rate_limited"
    assert await guess(nodes[1], place=THERE, password=PASSWORD) == "let in"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
        ("somewhere", "elsewhere", False),
    ],
)
async def test_a_place_is_an_ipv4_address_or_a_network_of_ipv6(one: str, other: str, same: bool) -> None:
    database = Database("", most=1)
    throttle = Throttle(database, RATE, SecurityLog(database))

    def buckets(place: str) -> list[Bucket]:
        peer.set(place)
        return throttle.of_login(ALICE)

    assert (buckets(one) == buckets(other)) is same


async def test_however_an_address_is_written_it_is_one_account(nodes: list[Identity]) -> None:
    written = [ALICE, ALICE.upper(), f" {ALICE} ", "Alice@Example.org", ALICE]
    assert [await guess(nodes[0], each) for each in written[:RATE]] == ["bad_credentials"] * RATE
    assert await guess(nodes[0]) == "rate_limited"


async def test_letters_put_together_in_another_way_are_no_other_account(nodes: list[Identity]) -> None:
    peer.set(HERE)
    composed, apart = "zo\u00eb@example.org", "zoe\u0308@example.org"
    assert nodes[0].throttle.of_login(composed) == nodes[0].throttle.of_login(apart)
    assert nodes[0].throttle.of_login("\ud800") != nodes[0].throttle.of_login("no address"), "but these are"
    for written in (composed, apart):
        await guess(nodes[0], written)
    digests = [row[6] for row in nodes[0].security._waiting if row[1] == SIGN_IN_REFUSED]
    assert len(digests) == 2
    assert len(set(digests)) == 1


async def test_the_sweep_waits_for_nobody_who_is_counted_just_now(nodes: list[Identity], database: Database) -> None:
    await guess(nodes[0])
    await past(database, WINDOW_S)
    async with database.connection() as connection, connection.transaction():
        await connection.execute("SELECT FROM throttle ORDER BY digest LIMIT 1 FOR UPDATE")
        await asyncio.wait_for(nodes[1].throttle.sweep(), SLOW_S)
    assert len(await database.fetch("SELECT FROM throttle")) == 1


async def test_what_the_database_is_too_busy_for_keeps_nothing_else_from_healing(
    nodes: list[Identity], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await guess(nodes[0])
    await past(database, WINDOW_S)
    for each in (nodes[1].sessions, nodes[1].administration, nodes[1].keys):
        monkeypatch.setattr(each, "load", busy)
    await nodes[1].heal()
    assert await database.fetch("SELECT FROM throttle") == []


async def busy() -> None:
    """What cannot be done just now."""
    raise Unavailable


async def test_what_is_kept_names_nobody_and_is_swept(nodes: list[Identity], database: Database) -> None:
    await guess(nodes[0])
    rows = await database.fetch("SELECT t::text FROM throttle AS t")
    assert len(rows) == 3
    assert not any(each in str(rows) for each in ("alice", HERE, ALICE.encode().hex()))

    await past(database, WINDOW_S)
    await nodes[1].heal()
    assert await database.fetch("SELECT FROM throttle") == []


async def test_a_rate_of_0_is_no_limit_and_asks_nobody(database: Database) -> None:
    node = Identity(database, secret=None, refresh_grace=10, login_rate=0)
    await node.open()
    assert {await guess(node) for _ in range(15)} == {"bad_credentials"}
    assert await database.fetch("SELECT FROM throttle") == []
    node.close()


@pytest.fixture(scope="module")
def strict(module_database_url: str) -> Iterator[Server]:
    with Server("--database-url", module_database_url, "--workers", "2", COLLABCAMPUS_LOGIN_RATE="3") as running:
        yield running


def test_over_http_it_is_a_429_that_says_when_to_come_back(strict: Server) -> None:
    person = Person(strict.url, "Alice")
    for _ in range(3):
        wrong = httpx.post(f"{strict.url}/login", json={"email": person.email, "pwd": "not the password"})
        assert problem(wrong) == (401, "bad_credentials")
    answers = [httpx.post(f"{strict.url}/login", json={"email": person.email, "pwd": PASSWORD}) for _ in range(4)]

    for answer in answers:
        assert problem(answer) == (429, "rate_limited")
        assert 0 < answer.json()["retryAfter"] <= 20
        assert answer.json()["retryAfter"] <= int(answer.headers["retry-after"]) <= 20
    assert person.http.get("/me").status_code == 200, "who is signed in stays so"
    told = httpx.post(
        f"{strict.url}/login",
        json={"email": person.email, "pwd": PASSWORD},
        headers={"X-Forwarded-For": "192.0.2.77"},
    )
    assert problem(told) == (429, "rate_limited"), "a header is no way around"


async def asks(node: Identity, what: str, place: str | None) -> None:
    """Somebody there calls what anybody may."""
    peer.set(place)
    match what:
        case "registration":
            await node.sign_up("bob@example.org", "Bob", PASSWORD, AGENT)
        case "refresh":
            with pytest.raises(errors.BadRefreshToken):
                await node.refresh("nonsense")
        case _:
            await node.throttle.spend(what)


@pytest.mark.parametrize("what", [REGISTRATIONS, REFRESHES, MAILED, FORGOTTEN, VERIFICATIONS, PROVIDERS])
async def test_what_anybody_may_ask_is_counted_by_place(nodes: list[Identity], database: Database, what: str) -> None:
    peer.set(HERE)
    (bucket,) = nodes[0].throttle.of_calls(what)
    assert bucket.cost == WINDOW_S / RATE / CALLS
    await nodes[0].throttle.take([msgspec.structs.replace(bucket, cost=WINDOW_S)])
    await past(database, -SLOW_S)

    with pytest.raises(RateLimited):
        await asks(nodes[1], what, HERE)
    assert await nodes[1].find("bob@example.org") is None
    await asks(nodes[1], what, THERE)


async def test_whom_no_peer_asks_for_is_not_counted(nodes: list[Identity], database: Database) -> None:
    peer.set(None)
    assert nodes[0].throttle.of_login(ALICE) == nodes[0].throttle.of_calls(REGISTRATIONS) == []
    await asks(nodes[0], REGISTRATIONS, None)
    assert await database.fetch("SELECT FROM throttle") == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/password/forgot", {"email": NOBODY}),
        ("/password/reset", {"token": "nonsense", "password": "another long password"}),
        ("/email/verify", {"token": "nonsense"}),
        ("/openid/campus/start", {"redirectUri": "http://127.0.0.1/"}),
        ("/openid/campus/finish", {"code": "a", "state": "b", "verifier": "c"}),
    ],
)
def test_calls_that_need_no_sign_in_are_taken_from_their_place(
    server: Server, module_database_url: str, path: str, body: dict[str, str]
) -> None:
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute("TRUNCATE throttle")
        assert httpx.post(f"{server.url}{path}", json=body).status_code < 500
        counted = connection.execute("SELECT extract(epoch FROM full_at - now()) < 2 FROM throttle")
        assert counted.fetchall() == [(True,)]


def test_each_kind_of_mailed_call_has_a_bucket_of_its_own(server: Server, module_database_url: str) -> None:
    with psycopg.connect(module_database_url, autocommit=True) as connection:
        connection.execute("TRUNCATE throttle")
        httpx.post(f"{server.url}/password/forgot", json={"email": NOBODY})
        httpx.post(f"{server.url}/password/reset", json={"token": "nonsense", "password": "another long password"})
        httpx.post(f"{server.url}/email/verify", json={"token": "nonsense"})
        assert connection.execute("SELECT count(*) FROM throttle").fetchone() == (3,)


async def test_strangers_who_guess_keep_nobody_who_is_signed_in_from_their_account(nodes: list[Identity]) -> None:
    user = await nodes[0].find(ALICE)
    assert user
    assert [await guess(nodes[0]) for _ in range(RATE + 1)][-1] == "rate_limited"

    assert (await nodes[1].changes.require_password(user.id, PASSWORD))[0].id == user.id


async def test_a_wrong_current_password_is_counted_for_its_account_apart_from_sign_ins(
    nodes: list[Identity],
) -> None:
    user = await nodes[0].find(ALICE)
    assert user
    peer.set(HERE)
    for nth in range(RATE):
        with pytest.raises(errors.WrongPassword):
            await nodes[nth % 2].changes.require_password(user.id, "not the password")

    for place in (HERE, THERE):
        peer.set(place)
        with pytest.raises(RateLimited):
            await nodes[0].changes.require_password(user.id, PASSWORD)
    assert await guess(nodes[1], password=PASSWORD) == "let in", "whoever has a session shuts no sign-in out"


async def test_who_is_throttled_stands_in_the_security_log(nodes: list[Identity]) -> None:
    async with nodes[0].security.running() as security:
        for _ in range(RATE + 1):
            await guess(nodes[0])
        await security.drained()
    (entry,) = await security.entries(Wanted(kind=THROTTLED), None, 10)
    assert (entry.address, entry.detail["what"]) == (HERE, "sign_in")


def test_over_http_the_place_is_where_the_connection_comes_from(strict: Server) -> None:
    person = Person(strict.url, "Bea")
    elsewhere = httpx.Client(base_url=strict.url, transport=httpx.HTTPTransport(local_address="127.0.0.2"))
    wrong, right = ({"email": person.email, "pwd": pwd} for pwd in ("not the password", PASSWORD))

    for _ in range(3):
        assert problem(elsewhere.post("/login", json=wrong)) == (401, "bad_credentials")

    assert problem(elsewhere.post("/login", json=right)) == (429, "rate_limited")
    assert httpx.post(f"{strict.url}/login", json=right).status_code == 200
    elsewhere.close()


def test_bad_refresh_tokens_are_counted_by_place(strict: Server) -> None:
    began = time.monotonic()
    with httpx.Client(base_url=strict.url) as http:
        told = [http.post("/refresh", json={"refreshToken": f"nonsense {nth}"}).status_code for nth in range(400)]
    limit = 3 * 60
    forgotten = (time.monotonic() - began) * limit / WINDOW_S
    assert limit <= told.count(401) <= limit + forgotten + 2
    assert told[-1] == 429 or forgotten > 200
    assert set(told) == {401, 429}


def test_a_day_at_the_office_is_never_throttled(server: Server) -> None:
    """A test suite or a classroom: registrations, sign-ins and slips of many people from one address."""
    people = [Person(server.url, f"Student{nth}") for nth in range(10)]
    with httpx.Client(base_url=server.url, timeout=20) as http:
        for nth in range(30):
            pwd = PASSWORD if nth % 3 else "a slip of the finger"
            answer = http.post("/login", json={"email": people[nth % 10].email, "pwd": pwd})
            assert answer.status_code == (200 if nth % 3 else 401)
