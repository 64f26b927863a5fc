"""Passwords: a bounded number of hashes at once, a bounded number who wait, and no account told by its time."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from answering import problem
from collabcampus.domain.errors import Overloaded
from collabcampus.identity import Identity
from collabcampus.identity.passwords import LANES, MEMORY_KIB, PASSES, THREADS, WAITING_MOST, Passwords
from collabcampus.log.database import Database
from identity import timing
from running import PASSWORD, Person, Server

pytestmark = pytest.mark.anyio

PAIRS, MOST_PAIRS = 60, 300


@pytest.fixture
async def identity(database: Database) -> AsyncIterator[Identity]:
    opened = Identity(database, secret=None, refresh_grace=10)
    await opened.open()
    await opened.register(timing.KNOWN, "Known", timing.PASSWORD, "a test")
    yield opened
    opened.close()


async def test_unknown_people_and_wrong_passwords_are_not_told_apart_by_time(identity: Identity) -> None:
    found = await timing.pairs(timing.against(identity), PAIRS)
    assert not timing.differ(found), timing.probabilities(found)


@pytest.mark.parametrize(
    "leak", [timing.without_a_hash_for_strangers, timing.with_a_delay_for_the_known], ids=lambda leak: leak.__name__
)
async def test_a_leak_would_be_found(identity: Identity, leak: Callable[[Identity], timing.Login]) -> None:
    assert timing.differ(await timing.until_sure(leak(identity), MOST_PAIRS))


def test_the_test_of_times_knows_alike_from_different() -> None:
    alike = [(-1) ** nth * (nth % 7 + 1) / 1e3 for nth in range(400)]
    assert timing.probability(alike) > 0.05
    assert timing.probability([each + 1e-5 for each in alike]) > 0.05
    for shift in (2e-3, -2e-3):
        assert timing.probability([each + shift for each in alike]) < timing.SURE


async def test_whoever_comes_when_too_many_wait_is_told_to_come_back() -> None:
    passwords = Passwords()
    turns = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(THREADS + WAITING_MOST)]
    await asyncio.sleep(0)

    with pytest.raises(Overloaded) as refused:
        await passwords.verify(None, PASSWORD)
    assert refused.value.details["retryAfter"] > 0
    for each in turns:
        each.cancel()
    await asyncio.gather(*turns, return_exceptions=True)
    assert await passwords.verify(await passwords.hash(PASSWORD), PASSWORD), "who gave up takes no turn with him"
    passwords.close()


def test_hashes_are_made_as_is_recommended_at_least() -> None:
    assert (MEMORY_KIB >= 19 * 1024, PASSES >= 2, LANES >= 1) == (True, True, True)


async def test_a_storm_of_sign_ins_is_answered_in_part_and_the_rest_told_when_to_come_back(server: Server) -> None:
    person = Person(server.url, "Storm")
    people = WAITING_MOST + THREADS + 60
    limits = httpx.Limits(max_connections=people)
    async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=limits) as http:
        login = {"email": person.email, "pwd": PASSWORD}
        storm = [asyncio.create_task(http.post("/login", json=login)) for _ in range(people)]
        answers = await asyncio.gather(*storm)
        live = await http.get("/health/live")
    overloaded = [each for each in answers if each.status_code != 200]
    assert live.status_code == 200
    assert len(answers) - len(overloaded) >= THREADS
    for each in overloaded:
        assert problem(each) == (503, "overloaded")
        assert int(each.headers["retry-after"]) >= each.json()["retryAfter"] > 0
