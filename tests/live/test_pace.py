"""Token buckets: what may be taken in any time, never less, and never forgotten before it is whole again."""

import gc

from hypothesis import given
from hypothesis import strategies as st

from collabcampus.live.pace import A_SECOND, PERSON_MULTIPLE, Bucket, Budgets, retry_after

RATES, BURSTS = st.integers(1, 1_000), st.integers(1, 30)
GAPS = st.lists(st.integers(0, 3 * A_SECOND) | st.integers(0, 5), max_size=120)
NOW = 1_000 * A_SECOND


def each(rate: int) -> int:
    """Nanoseconds for a token."""
    return -(-A_SECOND // rate)


def times(gaps: list[int]) -> list[int]:
    now, found = NOW, []
    for gap in gaps:
        now += gap
        found.append(now)
    return found


@given(RATES, BURSTS, GAPS)
def test_no_time_sees_more_than_the_burst_and_what_came_meanwhile(rate: int, burst: int, gaps: list[int]) -> None:
    bucket = Bucket(rate, burst)

    taken = [now for now in times(gaps) if bucket.take(now) == 0]

    for first, begin in enumerate(taken):
        for count, end in enumerate(taken[first:], 1):
            assert (count - burst) * A_SECOND <= rate * (end - begin)


@given(RATES, BURSTS, GAPS)
def test_nobody_is_refused_while_there_is_a_token_and_the_wait_is_exact(
    rate: int, burst: int, gaps: list[int]
) -> None:
    bucket, token = Bucket(rate, burst), each(rate)
    level, last = burst * token, NOW
    for now in times(gaps):
        level, last = min(burst * token, level + now - last), now
        lacking = max(0, token - level)
        assert bucket.take(now) == lacking
        level -= 0 if lacking else token


@given(RATES, BURSTS, GAPS, st.data())
def test_a_token_given_back_is_as_if_it_had_not_been_taken(
    rate: int, burst: int, gaps: list[int], data: st.DataObject
) -> None:
    one, other = Bucket(rate, burst), Bucket(rate, burst)
    for now in times(gaps):
        if data.draw(st.booleans()) and one.take(now) == 0:
            one.give_back()
        assert one.take(now) == other.take(now)


@given(RATES, BURSTS, GAPS, st.integers(1, 40))
def test_many_at_once_are_as_one_by_one_where_there_are_so_many(
    rate: int, burst: int, gaps: list[int], tokens: int
) -> None:
    one, other = Bucket(rate, burst), Bucket(rate, burst)
    for now in times(gaps):
        before = other._full_at
        afforded = not any(other.take(now) for _ in range(tokens))
        if not afforded:
            other._full_at = before
        assert one.take_many(now, tokens) == afforded


@given(st.integers(1, 10**12))
def test_clients_are_told_whole_milliseconds_and_never_too_few(wait: int) -> None:
    told = retry_after(wait)

    assert told > 0
    assert wait <= round(told * 1_000) * 1_000_000 < wait + 1_000_000


def spent(budgets: Budgets, person: str, now: int) -> bool:
    """Whether nothing is left, after taking all there is."""
    budget = budgets.of(person, now)
    return [budget.take(now) for _ in range(20_000)].count(0) == 0


def test_who_leaves_and_comes_back_finds_what_was_left() -> None:
    budgets = Budgets(rate=10, burst=500)
    assert not spent(budgets, "somebody", NOW)
    assert [budgets.of("somebody", NOW).take(NOW) for _ in range(3)].count(0) == 0

    for number in range(1_000):
        budgets.of(f"person {number}", NOW + number * 1_000)
    gc.collect()

    assert spent(budgets, "somebody", NOW + 1_000_000)
    assert not spent(budgets, "somebody else", NOW)


def test_a_person_may_what_some_sockets_may() -> None:
    budget = Budgets(rate=10, burst=500).of("somebody", NOW)

    assert [budget.take(NOW) for _ in range(20_000)].count(0) == 500 * PERSON_MULTIPLE
    assert [budget.take(NOW + A_SECOND) for _ in range(20_000)].count(0) == 10 * PERSON_MULTIPLE


def test_who_is_gone_for_long_is_forgotten_and_who_is_there_is_not() -> None:
    budgets = Budgets(rate=10, burst=500)
    held = budgets.of("held", NOW)
    for number in range(1_000):
        budgets.of(f"person {number}", NOW)

    for later in (200, 400):
        budgets.of("late", NOW + later * A_SECOND)
    gc.collect()

    assert len(budgets) == 2
    assert budgets.of("held", NOW + 500 * A_SECOND) is held
