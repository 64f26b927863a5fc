"""A person's limit holds however many nodes they spread over, and whatever the bus does within its delay."""

import asyncio
import heapq
from collections.abc import Iterable
from itertools import count, cycle
from time import monotonic_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collabcampus.live.pace import A_SECOND, MOST_OWED, PARTS_TOLD, PERSON_MULTIPLE, Budgets, Spent
from live.test_typists import two_nodes

RATE, BURST = 2, 16
A_PERSONS_RATE, A_PERSONS_BURST = RATE * PERSON_MULTIPLE, BURST * PERSON_MULTIPLE
PART = A_PERSONS_BURST // PARTS_TOLD
DELAY = A_SECOND // 4
NOW = 1_000 * A_SECOND
PERSON = "somebody"
NODES = 3


class Nodes:
    """Nodes in a time of their own, and what is on its way between them."""

    def __init__(self, delays: Iterable[int], *, twice: bool = False, lost: bool = False) -> None:
        """Each hint needs the next of the delays; `twice`: it comes twice; `lost`: every second one never does."""
        self.now = NOW
        self.taken: list[list[int]] = [[] for _ in range(NODES)]
        """When, by node."""
        self._budgets = [Budgets(RATE, BURST) for _ in range(NODES)]
        for number, each in enumerate(self._budgets):
            each.tell = lambda spent, number=number: self._send(number, spent)  # type: ignore[misc]
        self._delays, self._copies, self._lost = cycle(delays), 1 + twice, lost
        self._on_their_way: list[tuple[int, int, int, int, Spent]] = []
        self._numbers = count()
        self._last = [[NOW] * NODES for _ in range(NODES)]  # when the last hint arrives: each sender's are in order

    def take(self, node: int, most: int) -> int:
        """How many of so many tokens somebody gets on a node now."""
        budget = self._budgets[node].of(PERSON, self.now)
        got = [budget.take(self.now) for _ in range(most)].count(0)
        self.taken[node] += [self.now] * got
        return got

    def wait(self, nanoseconds: int) -> None:
        """Let time go on, and hints arrive."""
        end = self.now + nanoseconds
        while self._on_their_way and self._on_their_way[0][0] <= end:
            self.now, _, sender, node, spent = heapq.heappop(self._on_their_way)
            self._budgets[node].of(PERSON, self.now).hear(str(sender), spent, self.now)
        self.now = end

    def unheard(self, node: int) -> int:
        """The most that others have taken and this node may not have heard of."""
        lately = [sum(at >= self.now - DELAY for at in self.taken[each]) for each in range(NODES) if each != node]
        return sum(lately) + (PART - 1) * len(lately)

    def _send(self, sender: int, spent: Spent) -> None:
        number = next(self._numbers)
        if self._lost and number % 2:
            return
        for node in range(NODES):
            for copy in range(self._copies if node != sender else 0):
                arrives = max(self._last[sender][node], self.now + next(self._delays))
                self._last[sender][node] = self._last[sender][node] if copy else arrives
                heapq.heappush(self._on_their_way, (arrives, next(self._numbers), sender, node, spent))


ASKED = st.lists(st.tuples(st.integers(0, 2 * A_SECOND), st.integers(0, NODES - 1), st.integers(1, 400)), max_size=60)
DELAYS = st.lists(st.integers(0, DELAY), min_size=1, max_size=7)


@given(ASKED, DELAYS, st.booleans())
def test_all_nodes_together_give_what_one_would_and_what_is_on_its_way(
    asked: list[tuple[int, int, int]], delays: list[int], twice: bool
) -> None:
    nodes = Nodes(delays, twice=twice)
    for gap, node, tokens in asked:
        nodes.wait(gap)
        unheard = nodes.unheard(node)
        if nodes.take(node, tokens):
            given_out = sum(map(len, nodes.taken))
            meanwhile = A_PERSONS_RATE * (nodes.now - NOW) // A_SECOND
            assert given_out <= A_PERSONS_BURST + meanwhile + 1 + unheard


@pytest.mark.parametrize("lost", [False, True])
def test_who_asks_everywhere_without_end_gets_a_persons_rate_and_not_as_many_as_there_are_nodes(lost: bool) -> None:
    nodes, seconds = Nodes([DELAY], lost=lost), 60
    for _ in range(seconds * 20):
        nodes.wait(A_SECOND // 20)
        for node in range(NODES):
            nodes.take(node, A_PERSONS_BURST)

    got = sum(map(len, nodes.taken))
    assert A_PERSONS_RATE * seconds <= got <= NODES * A_PERSONS_BURST + 1.2 * A_PERSONS_RATE * seconds


@given(ASKED, DELAYS, st.booleans())
def test_who_keeps_to_the_limit_is_refused_nowhere(
    asked: list[tuple[int, int, int]], delays: list[int], twice: bool
) -> None:
    nodes, allowed, before = Nodes(delays, twice=twice), A_PERSONS_BURST * A_SECOND, 0
    for gap, node, tokens in asked:
        before += gap
        allowed = min(A_PERSONS_BURST * A_SECOND, allowed + gap * A_PERSONS_RATE)
        nodes.wait(gap)
        tokens = min(tokens, allowed // A_SECOND)
        allowed -= tokens * A_SECOND
        assert nodes.take(node, tokens) == tokens


def test_a_node_not_heard_of_for_long_costs_a_few_bursts_at_most() -> None:
    budgets = Budgets(RATE, BURST)
    budgets.of(PERSON, NOW).hear("there", Spent(PERSON, 1, 10, 10), NOW)
    budgets.of(PERSON, NOW).hear("there", Spent(PERSON, 1, 10**9, PART), NOW)
    owed = MOST_OWED * A_PERSONS_BURST * A_SECOND // A_PERSONS_RATE

    assert budgets.of(PERSON, NOW).take(NOW + owed)
    assert budgets.of(PERSON, NOW).take(NOW + owed + A_SECOND) == 0


@pytest.mark.anyio
async def test_what_is_asked_on_one_node_is_missing_on_the_other(database_url: str) -> None:
    async with two_nodes(database_url) as nodes:
        here, there = (each.gateway.budgets for each in nodes)
        assert here is not None
        assert there is not None
        now = monotonic_ns()
        assert here.of(PERSON, now).take_many(now, 40_000)
        async with asyncio.timeout(10):
            while there.of(PERSON, now)._full_at <= now + A_SECOND:  # noqa: ASYNC110 - a hint is on its way
                await asyncio.sleep(0.01)
