"""How fast one may ask: token buckets, one a socket and one a person, on this process alone."""

from weakref import WeakValueDictionary

A_SECOND = 1_000_000_000
RETRY_AFTER_S = 1
"""When to come back to who is busy: nobody knows when that will be over."""
LATEST = 5 * A_SECOND
"""The longest that anybody who asks too fast is told to wait."""
PERSON_MULTIPLE = 20
"""A person's sockets and requests together may ask so many times what one socket may: tabs multiply no limit."""
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


class Budget(Bucket):
    """A person's bucket, and how many refusals they may bring about that nobody told them to come for."""

    __slots__ = ("refusals",)

    def __init__(self, rate: int, burst: int) -> None:
        super().__init__(rate, burst)
        self.refusals = Bucket(REFUSALS_A_SECOND, REFUSALS_AT_ONCE)


class Budgets:
    """The budgets of people: each is kept as long as somebody holds it, or it may not be full yet."""

    def __init__(self, rate: int, burst: int) -> None:
        """What one socket may; people may PERSON_MULTIPLE times as much."""
        self._rate, self._burst = rate * PERSON_MULTIPLE, burst * PERSON_MULTIPLE
        self._full_after = burst * A_SECOND // rate + A_SECOND
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
            budget = self._known[person] = Budget(self._rate, self._burst)
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
