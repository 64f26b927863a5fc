"""Keys that sign: made once, rotated under load without a refused request, erased when nothing needs them."""

import asyncio
import json
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from collabcampus.domain.errors import Unavailable
from collabcampus.identity import Identity, errors
from collabcampus.identity.keys import (
    ANNOUNCED_S,
    KEPT_S,
    LONGEST_LIFE_S,
    Key,
    Keyring,
    Keys,
    WeakSecret,
    name_of,
)
from collabcampus.identity.tokens import LEEWAY_S
from collabcampus.log.database import Database
from collabcampus.log.follow import TICK_S
from running import Person, Server
from test_cli import run

pytestmark = pytest.mark.anyio

USER, SESSION = str(uuid.uuid4()), str(uuid.uuid4())
ROTATIONS, ANNOUNCED, KEPT = 4, 0.4, 2.5
"""Of the test under load: seconds, where a server in earnest takes ten, and two hours."""


@pytest.fixture
async def node(database: Database) -> AsyncIterator[Identity]:
    opened = Identity(database, secret=None, refresh_grace=10)
    await opened.open()
    yield opened
    opened.close()


@pytest.fixture
async def deaf(database: Database) -> AsyncIterator[Identity]:
    """A node that hears nothing of what the others announce."""
    opened = Identity(database, secret=None, refresh_grace=10)
    await opened.open()
    yield opened
    opened.close()


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def rotated(node: Identity, **times: float) -> str:
    """The name of a new key that signs at this node now."""
    made = await node.keys.rotate(announced=0, **times)
    await node.keys.load()
    assert kid_of(node.tokens.issue(USER, SESSION)) == made.kid
    return made.kid


@pytest.fixture(scope="module")
def nodes(module_database_url: str) -> Iterator[list[Server]]:
    with (
        Server("--database-url", module_database_url) as one,
        Server("--database-url", module_database_url, "--workers", "2") as other,
    ):
        yield [one, other]


class Load(threading.Thread):
    """Somebody who gets a fresh token at one node and shows it to both, again and again."""

    def __init__(self, nodes: list[Server], turn: int) -> None:
        super().__init__(daemon=True)
        self._urls = [each.url for each in (nodes if turn % 2 else reversed(nodes))]
        self._person = Person(self._urls[0], f"Loader{turn}")
        self.stopping = threading.Event()
        self.answers: list[int] = []
        self.kids: set[str] = set()

    def run(self) -> None:
        refresh = self._person.refresh_token
        with httpx.Client(timeout=20) as http:
            while not self.stopping.is_set():
                answer = http.post(f"{self._urls[0]}/refresh", json={"refreshToken": refresh})
                self.answers.append(answer.status_code)
                refresh, token = answer.json()["refreshToken"], answer.json()["token"]
                self.kids.add(kid_of(token))
                for url in reversed(self._urls):
                    shown = http.get(f"{url}/me", headers={"Authorization": f"Bearer {token}"})
                    self.answers.append(shown.status_code)


async def test_rotating_under_load_on_two_nodes_refuses_not_one_request(
    nodes: list[Server], module_database_url: str
) -> None:
    database = Database(module_database_url, most=1)
    await database.open()
    keys = Keys(database)
    first = (await keys.listed())[0].kid
    loads = [Load(nodes, turn) for turn in range(4)]
    for each in loads:
        each.start()
    while not all(each.kids for each in loads):  # noqa: ASYNC110 - they are threads
        await asyncio.sleep(0.05)
    for _ in range(ROTATIONS):
        await keys.rotate(announced=ANNOUNCED, kept=KEPT)
        await asyncio.sleep(ANNOUNCED * 2)
    for each in loads:
        each.stopping.set()
        await asyncio.to_thread(each.join, 20)

    answers = [status for each in loads for status in each.answers]
    assert set(answers) == {200}, f"{len([each for each in answers if each != 200])} of {len(answers)} refused"
    used = set[str]().union(*(each.kids for each in loads))
    assert len(used) >= ROTATIONS, "too few keys were in use for this to show anything"
    assert {first} < used
    await asyncio.sleep(max(0.0, KEPT - ANNOUNCED))
    await keys.load()
    (last,) = await keys.listed()
    assert last.signs
    assert last.retires_at is None
    await database.close()


async def test_a_node_that_did_not_hear_of_a_key_looks_for_it_before_it_refuses(
    node: Identity, deaf: Identity
) -> None:
    user = (await node.register("eve@example.org", "Eve", "a long enough password", "a test")).user
    await rotated(node)
    token = node.tokens.issue(user.id, SESSION)

    with pytest.raises(errors.TokenInvalid):
        deaf.authenticate(token)
    assert (await deaf.claims(token)).user_id == user.id
    assert deaf.authenticate(token).user_id == user.id


class Counting(Database):
    """Counts what is read of the keys."""

    reads = 0

    async def fetch(self, query: str, *values: Any, by_values: bool = False) -> list[tuple[Any, ...]]:
        self.reads += "FROM keys" in query
        return await super().fetch(query, *values, by_values=by_values)


async def test_tokens_with_keys_of_nobodys_make_the_database_read_once_a_while(database_url: str) -> None:
    database = Counting(database_url)
    await database.open()
    node = Identity(database, secret=None, refresh_grace=10)
    await node.open()
    other = Keyring.given("a key that this node never had, of 32 bytes")
    unknown = node.tokens.__class__(other)
    database.reads = 0

    async def refused(token: str) -> None:
        with pytest.raises(errors.TokenInvalid):
            await node.claims(token)

    await asyncio.gather(*(refused(unknown.issue(USER, SESSION)) for _ in range(100)))
    for _ in range(100):
        await refused(unknown.issue(USER, SESSION))
        await refused("garbage")
    assert database.reads == 1
    await asyncio.sleep(1.05)
    await refused(unknown.issue(USER, SESSION))
    assert database.reads == 2
    node.close()
    await database.close()


async def test_an_unknown_key_is_unavailable_and_not_refused_while_the_database_cannot_be_asked(
    node: Identity, deaf: Identity, database: Database
) -> None:
    await rotated(node)
    token = node.tokens.issue(USER, SESSION)
    await database.pool.close()

    with pytest.raises(Unavailable):
        await deaf.claims(token)
    assert node.authenticate(token).user_id == USER


async def test_an_old_key_verifies_until_its_time_is_over_and_is_erased_then(
    node: Identity, database: Database
) -> None:
    before = node.tokens.issue(USER, SESSION)
    await rotated(node, kept=0.5)
    assert await node.claims(before)

    await asyncio.sleep(0.5)
    with pytest.raises(errors.TokenInvalid):
        await node.claims(before)
    await node.heal()
    ((left,),) = await database.fetch("SELECT array_agg(kid) FROM keys")
    assert left == [kid_of(node.tokens.issue(USER, SESSION))]


async def test_a_key_that_leaked_is_withdrawn_with_all_before_it_also_one_that_was_only_announced(
    node: Identity, deaf: Identity
) -> None:
    tokens = [node.tokens.issue(USER, SESSION)]
    await rotated(node)
    tokens.append(node.tokens.issue(USER, SESSION))
    announced = await node.keys.rotate(announced=0.2)
    kid = await rotated(node, kept=0)

    for token in tokens:
        with pytest.raises(errors.TokenInvalid):
            await node.claims(token)
    await asyncio.sleep(0.25)
    assert kid_of(node.tokens.issue(USER, SESSION)) == kid, "not the one that was announced"
    await deaf.heal()
    for each in (node, deaf):
        assert not each.keys.ring.verifying(announced.kid)
        assert kid_of(each.tokens.issue(USER, SESSION)) == kid
    assert [each.kid for each in await node.keys.listed()] == [kid]


async def test_a_new_key_does_not_sign_before_all_must_have_heard_of_it(node: Identity) -> None:
    first = kid_of(node.tokens.issue(USER, SESSION))
    made = await node.keys.rotate(announced=0.3)
    await node.keys.load()

    assert (kid_of(node.tokens.issue(USER, SESSION)), made.signs) == (first, False)
    assert node.keys.ring.verifying(made.kid)
    await asyncio.sleep(0.35)
    assert kid_of(node.tokens.issue(USER, SESSION)) == made.kid
    assert [each.signs for each in await node.keys.listed()] == [False, True]


async def test_nodes_that_start_together_make_one_key(database: Database) -> None:
    await database.write("WITH gone AS (DELETE FROM keys) SELECT 1")
    several = [Keys(database) for _ in range(5)]
    await asyncio.gather(*(each.open() for each in several))

    assert len({each.ring.signing().kid for each in several}) == len(await several[0].listed()) == 1


async def test_the_database_takes_no_key_that_is_too_short(database: Database) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        await database.write(
            "INSERT INTO keys (kid, secret, signs_from) VALUES ('short', %s, now()) RETURNING 1", b"s" * 31
        )


async def test_two_who_rotate_at_once_leave_keys_that_agree(node: Identity, deaf: Identity) -> None:
    await asyncio.gather(*(each.keys.rotate(announced=0) for each in (node, deaf) for _ in range(3)))
    for each in (node, deaf):
        await each.keys.load()
        assert node.authenticate(each.tokens.issue(USER, SESSION)).user_id == USER
    assert len([each for each in await node.keys.listed() if each.signs]) == 1


def test_the_delays_fit_the_tick_and_the_tokens() -> None:
    assert ANNOUNCED_S > TICK_S
    assert KEPT_S > LONGEST_LIFE_S + LEEWAY_S


def test_a_weak_secret_is_refused_also_among_the_old_ones() -> None:
    for given in (["short"], ["s" * 32, "short"]):
        with pytest.raises(WeakSecret):
            Keyring.given(given[0], given[1:])


def test_a_key_shows_its_name_alone() -> None:
    secret = b"what nobody may see, 32 bytes of it"
    assert repr(Key(name_of(secret), secret)) == f"Key({name_of(secret)})"


def test_keys_are_rotated_and_listed_from_the_command_line(nodes: list[Server], module_database_url: str) -> None:
    where = ("--database-url", module_database_url)
    rotated = run("keys", "rotate", *where)
    listed = run("keys", "list", *where)

    assert (rotated.returncode, listed.returncode) == (0, 0)
    kid = rotated.stdout.split()[0]
    assert listed.stdout.splitlines()[-1].startswith(kid)
    told = run("keys", "list", "--json", *where).stdout
    assert '"secret"' not in told
    assert kid in told
    with psycopg.connect(module_database_url) as connection:
        recorded = connection.execute("SELECT detail ->> 'kid' FROM security_log WHERE kind = 'key_rotated'")
        assert recorded.fetchall() == [(kid,)]


def test_a_key_is_withdrawn_from_the_command_line_on_every_node_and_refresh_tokens_go_on(
    nodes: list[Server], module_database_url: str
) -> None:
    person = Person(nodes[1].url, "Alice")
    told = run("keys", "rotate", "--retire-now", "--json", "--database-url", module_database_url)
    kid = json.loads(told.stdout)["kid"]
    me = {"Authorization": f"Bearer {person.token}"}
    until = time.monotonic() + TICK_S
    while {httpx.get(f"{each.url}/me", headers=me).status_code for each in nodes} != {401}:
        assert time.monotonic() < until
        time.sleep(0.05)

    fresh = httpx.post(f"{nodes[0].url}/refresh", json={"refreshToken": person.refresh_token}).json()["token"]
    assert kid_of(fresh) == kid
    for each in nodes:
        assert httpx.get(f"{each.url}/me", headers={"Authorization": f"Bearer {fresh}"}).status_code == 200


def test_a_key_of_the_settings_is_not_rotated_by_the_command(
    module_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLABCAMPUS_SECRET", "k" * 40)
    told = run("keys", "rotate", "--database-url", module_database_url)

    assert told.returncode == 2
    assert "COLLABCAMPUS_OLD_SECRETS" in told.stderr.replace("\n", "")


def test_secrets_of_the_settings_are_rotated_by_restarts_without_a_refused_token(module_database_url: str) -> None:
    old, new = "the old key that has 32 bytes or more", "the new key that has 32 bytes or more"
    steps = [(old, ""), (old, new), (new, old), (new, "")]
    rings = [Keyring.given(signing, [each for each in [others] if each]) for signing, others in steps]
    for before, after in pairwise(rings):
        for signing, verifying in ((before, after), (after, before)):
            if (signing, verifying) != (rings[2], rings[3]):  # by then what the old one signed has ended
                assert verifying.verifying(signing.signing().kid)
    with Server(
        "--database-url", module_database_url, COLLABCAMPUS_SECRET=new, COLLABCAMPUS_OLD_SECRETS=f" {old} , "
    ) as server:
        person = Person(server.url, "Frank")
        assert kid_of(person.token) == name_of(new.encode())
        claims = jwt.decode(person.token, options={"verify_signature": False})
        by_old = jwt.encode(claims, old, "HS256", headers={"kid": name_of(old.encode())})
        assert person.http.get("/me", headers={"Authorization": f"Bearer {by_old}"}).status_code == 200
        assert person.http.get("/me").json()["id"] == person.user_id


def test_time_goes_by_this_process_and_not_by_a_clock_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Keyring([Key("a", b"", time.monotonic() - 10, time.monotonic() + 10), Key("b", b"", time.monotonic() + 5)])
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert ring.signing().kid == "a"
    assert ring.verifying("a")
