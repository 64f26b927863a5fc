"""Whoever comes back when told to is never closed, however often they are refused; whoever does not, is."""

import heapq

import pytest

from collabcampus.live import pace
from collabcampus.live.pace import A_SECOND, LATEST, Bucket, Budgets
from collabcampus.sockets import pacing
from collabcampus.sockets.pacing import Pace

RATE, BURST, SOCKETS, EVENTS = 10, 500, 50, 278
FLOODED = 4_000
"""More than the first refusals, of who could not know, and fewer than all of them."""


class Clock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 1_000 * A_SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pacing, "monotonic_ns", clock)
    monkeypatch.setattr(pace, "REFUSALS_A_SECOND", 1)
    monkeypatch.setattr(pace, "REFUSALS_AT_ONCE", FLOODED)
    return clock


def tabs(clock: Clock) -> list[Pace]:
    """The sockets of one person."""
    budgets = Budgets(RATE, BURST)
    return [Pace(Bucket(RATE, BURST), budgets.of("somebody", clock.now)) for _ in range(SOCKETS)]


def refusal(tab: Pace) -> int | None:
    """The nanoseconds until it may come back; 0 where it was not refused, None where it is closed."""
    wait = tab.take()
    if not wait:
        return 0
    seconds = tab.refuse(wait)
    return None if seconds is None else round(seconds * A_SECOND)


def drained(clock: Clock, sockets: list[Pace]) -> int:
    """How often all are refused until each has had all its events, obeying."""
    coming = [(clock.now, nth % SOCKETS) for nth in range(SOCKETS * EVENTS)]
    refused = 0
    while coming:
        clock.now, tab = heapq.heappop(coming)
        later = refusal(sockets[tab])
        assert later is not None, "who obeys is closed"
        if later:
            refused += 1
            heapq.heappush(coming, (clock.now + later, tab))
    return refused


def test_many_sockets_of_one_person_that_obey_are_never_closed(clock: Clock) -> None:
    assert drained(clock, tabs(clock)) > 2 * FLOODED


def test_the_same_refusals_of_who_does_not_wait_close(clock: Clock) -> None:
    sockets = tabs(clock)
    drained(clock, sockets)

    told = [refusal(sockets[0]) for _ in range(2 * FLOODED)]

    assert told[-1] is None
    assert refusal(sockets[1]) is None, "for another tab has nothing left either"


def test_a_tab_that_obeys_is_not_closed_for_one_that_does_not(clock: Clock) -> None:
    obeying, flooding = tabs(clock)[:2]
    later = next(each for each in map(refusal, [obeying] * (BURST + 1)) if each)
    while refusal(flooding) is not None:
        pass

    clock.now += later - 1_000_000
    assert refusal(obeying) is None, "before its time"
    clock.now += 1_000_000
    assert refusal(obeying) is not None


def test_tabs_are_told_one_time_after_the_other_and_none_too_late(clock: Clock) -> None:
    sockets = tabs(clock)
    while not any(told := [refusal(tab) for tab in sockets]):
        pass

    each = A_SECOND // (RATE * pace.PERSON_MULTIPLE)
    assert told == [each * nth for nth in range(1, SOCKETS + 1)]
    for _ in range(LATEST // each // SOCKETS):
        told = [refusal(tab) for tab in sockets]
    assert told == [LATEST] * SOCKETS
