"""Passwords: a bounded number of hashes at once, a bounded number who wait, and no account told by its time."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from collabcampus.domain.errors import Overloaded
from collabcampus.http.problems import of_refused
from collabcampus.identity import Identity
from collabcampus.identity.passwords import LANES, MEMORY_KIB, PASSES, RETRY_AFTER_S, THREADS, WAITING_MOST, Passwords
from collabcampus.log.database import Database
from identity import timing
from running import PASSWORD

pytestmark = pytest.mark.anyio

PAIRS, MOST_PAIRS = 40, 300


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


def test_over_http_that_is_a_503_that_says_when() -> None:
    told = of_refused(Overloaded(retryAfter=RETRY_AFTER_S))

    assert told.status_code == 503
    assert told.headers == {"Retry-After": str(RETRY_AFTER_S)}
    assert told.extra == {"retryAfter": RETRY_AFTER_S, "code": "overloaded"}
