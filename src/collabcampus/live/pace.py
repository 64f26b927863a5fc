"""How fast one may ask: token buckets, one a socket and one a person.

A socket is on one process; a person may be on many, each of which hears what was taken on the others (`spending`).
"""

from collections.abc import Callable
from weakref import WeakValueDictionary

from msgspec import Struct

A_SECOND = 1_000_000_000
RETRY_AFTER_S = 1
"""When to come back to who is busy: nobody knows when that will be over."""
LATEST = 5 * A_SECOND
"""The longest that anybody who asks too fast is told to wait."""
PERSON_MULTIPLE = 20
"""A person's sockets and requests together may ask so many times what one socket may: tabs multiply no limit."""
PARTS_TOLD = 32
"""What is taken of a person's bucket is told elsewhere by such parts of a burst."""
MOST_OWED = 2
"""Bursts that a bucket may owe for what was taken elsewhere: whoever was not heard of for long is let in again."""
REFUSALS_A_SECOND, REFUSALS_AT_ONCE = 1_000, 5_000
"""Refusals cost too: a person who brings about more of them, before the time they were told, is heard no longer."""


class Bucket:
    """A token bucket, full at first. Times are whole nanoseconds of any clock that never goes back.

    It knows when it will be full again, and the latest time at which somebody was told to come back.
    """

    __slots__ = ("__weakref__", "_full_at", "_slack", "_told", "each")

    def __init__(self, rate: int, burst: int) -> None:
        """`rate` tokens a second, `burst` at most at once; both at least 1."""
        self.each = -(-A_SECOND // rate)
        """Nanoseconds for a token."""
        self._slack = (burst - 1) * self.each
        self._full_at = self._told = 0

    def take(self, now: int) -> int:
        """Take a token: 0, or the nanoseconds until there is one."""
        full_at = self._full_at
        if full_at < now:
            full_at = now
        elif full_at - now > self._slack:
            return full_at - now - self._slack
        self._full_at = full_at + self.each
        return 0

    def take_many(self, now: int, tokens: int) -> bool:
        """Take so many tokens; False, and none taken, where there are fewer."""
        full_at = max(self._full_at, now) + tokens * self.each
        if full_at - now > self._slack + self.each:
            return False
        self._full_at = full_at
        return True

    def later(self, now: int, wait: int) -> int:
        """The nanoseconds to tell somebody who has to wait for a token.

        Each is told another time, up to LATEST: all who came back at one would be refused again, but for one of them.
        """
        self._told = min(max(self._told + self.each, now + wait), now + LATEST)
        return self._told - now

    def give_back(self) -> None:
        """A token that was taken just now was not used."""
        self._full_at -= self.each


class Spent(Struct, frozen=True, array_like=True):
    """What a person has taken on one process, in all since a time of its own clock, and of it since it told last."""

    person: str
    since: int
    total: int
    lately: int


class Budget(Bucket):
    """A person's bucket, and how many refusals they may bring about that nobody told them to come for.

    What is taken here is told by parts of a burst; what was taken elsewhere is taken here too.
    """

    __slots__ = ("_heard", "_most_owed", "_part", "_person", "_since", "_tell", "_total", "_untold", "refusals")

    def __init__(self, person: str, rate: int, burst: int, since: int, tell: Callable[[Spent], None]) -> None:
        super().__init__(rate, burst)
        self.refusals = Bucket(REFUSALS_A_SECOND, REFUSALS_AT_ONCE)
        self._person, self._since, self._tell = person, since, tell
        self._part, self._most_owed = max(1, burst // PARTS_TOLD), (1 + MOST_OWED) * burst * self.each
        self._total = self._untold = 0
        self._heard: dict[str, tuple[int, int]] = {}  # since and total, by node

    def take(self, now: int) -> int:
        """Take a token: 0, or the nanoseconds until there is one."""
        wait = super().take(now)
        if not wait:
            self._count(1)
        return wait

    def take_many(self, now: int, tokens: int) -> bool:
        """Take so many tokens; False, and none taken, where there are fewer."""
        taken = super().take_many(now, tokens)
        if taken:
            self._count(tokens)
        return taken

    def hear(self, node: str, spent: Spent, now: int) -> None:
        """Take what was taken on another node; what is heard twice is taken once, what was lost with the next.

        Of a node that is first heard of here it is what was taken lately. Hints of one node come in order.
        """
        since, total = self._heard.get(node, (0, 0))
        if (spent.since, spent.total) <= (since, total):
            return
        self._heard[node] = spent.since, spent.total
        tokens = spent.total - total if spent.since == since else spent.lately
        self._full_at = min(max(self._full_at, now) + tokens * self.each, now + self._most_owed)

    def _count(self, tokens: int) -> None:
        self._total += tokens
        self._untold += tokens
        if self._untold >= self._part:
            self._tell(Spent(self._person, self._since, self._total, self._untold))
            self._untold = 0


class Budgets:
    """The budgets of people: each is kept as long as somebody holds it, or it may not be full yet."""

    def __init__(self, rate: int, burst: int) -> None:
        """What one socket may; people may PERSON_MULTIPLE times as much."""
        self._rate, self._burst = rate * PERSON_MULTIPLE, burst * PERSON_MULTIPLE
        self._full_after = (1 + MOST_OWED) * burst * A_SECOND // rate + A_SECOND
        self.tell: Callable[[Spent], None] = lambda spent: None
        """Hears what somebody has taken here, a part of a burst after the other."""
        self._known: WeakValueDictionary[str, Budget] = WeakValueDictionary()
        self._recent: set[Budget] = set()
        self._before: set[Budget] = set()
        self._turn_at = 0

    def __len__(self) -> int:
        return len(self._known)

    def of(self, person: str, now: int) -> Budget:
        """This person's."""
        budget = self._known.get(person)
        if budget is None:
            budget = self._known[person] = Budget(person, self._rate, self._burst, now, self.tell)
        self.keep(budget, now)
        return budget

    def keep(self, budget: Budget, now: int) -> None:
        """Remember it for as long as it may take to be full again: who leaves and comes back finds it as it was."""
        if now >= self._turn_at:
            self._before, self._recent = self._recent, set()
            self._turn_at = now + self._full_after
        self._recent.add(budget)


def retry_after(wait: int) -> float:
    """Nanoseconds as clients are told: seconds, whole milliseconds, never too short."""
    return -(-wait // 1_000_000) / 1_000
