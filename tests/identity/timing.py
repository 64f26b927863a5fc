"""Whether sign-ins of unknown people and wrong passwords can be told apart by their time.

They are measured in pairs, one right after the other in an order that chance decides, and the differences go through
Wilcoxon's signed-rank test: what the machine does beside it falls on both of a pair, and outliers count by rank. So
go differences of the time on the processor, which finds smaller leaks where a machine has much else to do.
"""

import argparse
import asyncio
import logging
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import track

from collabcampus.app import running
from collabcampus.identity import Identity, errors
from collabcampus.settings import Settings

KNOWN, PASSWORD = "known@example.org", "a long enough password"
SURE = 1e-4
"""Of two things that are alike, one run in ten thousand says that they differ."""
LONG, FEWEST = 500, 20
PLANTED_MS = 3.0

Taken = tuple[float, float]
"""Seconds by the clock, and of the processor's time."""
Login = Callable[[str], Awaitable[None]]
"""Tries to sign in with a wrong password, as this address."""


def against(identity: Identity) -> Login:
    """The service as it is."""

    async def login(email: str) -> None:
        try:
            await identity.login(email, "not the password", "timing")
        except errors.BadCredentials:
            return
        raise AssertionError("it was let in")

    return login


def without_a_hash_for_strangers(identity: Identity) -> Login:
    """A planted leak: nothing is hashed where there is no account."""
    honest = against(identity)

    async def login(email: str) -> None:
        if await identity.find(email):
            await honest(email)

    return login


def with_a_delay_for_the_known(identity: Identity, milliseconds: float = PLANTED_MS) -> Login:
    """A planted leak: something that takes a little work is done for those who have an account."""
    honest = against(identity)

    async def login(email: str) -> None:
        await honest(email)
        if await identity.find(email):
            until = time.thread_time() + milliseconds / 1e3
            while time.thread_time() < until:
                pass

    return login


async def pairs(login: Login, count: int) -> list[Taken]:
    """By how much longer a known address took than an unknown one, so many times."""
    return [await _pair(login, nth) for nth in range(count)]


async def until_sure(login: Login, most: int) -> list[Taken]:
    """Pairs until they differ for sure, or `most` of them."""
    found: list[Taken] = []
    while len(found) < most and (len(found) < FEWEST or not differ(found)):
        found += await pairs(login, FEWEST)
    return found


async def _pair(login: Login, nth: int) -> Taken:
    taken: dict[str, Taken] = {}
    emails = [KNOWN, f"nobody{nth:06}@example.org"]
    for email in random.sample(emails, 2):
        began = time.perf_counter(), time.process_time()
        await login(email)
        taken[email] = time.perf_counter() - began[0], time.process_time() - began[1]
    known, unknown = taken[emails[0]], taken[emails[1]]
    return known[0] - unknown[0], known[1] - unknown[1]


def differ(found: list[Taken]) -> bool:
    """Whether it is sure that one of the two takes longer."""
    return min(probabilities(found)) < SURE


def probabilities(found: list[Taken]) -> list[float]:
    """That they are alike, by the clock and by the processor's time."""
    return [probability([each[clock] for each in found]) for clock in (0, 1)]


def probability(differences: list[float]) -> float:
    """Wilcoxon's signed-rank test, two-sided, by its normal approximation: fine from twenty pairs on."""
    ordered = sorted((each for each in differences if each), key=abs)
    n = len(ordered)
    positive = sum(rank for rank, each in enumerate(ordered, 1) if each > 0)
    mean, deviation = n * (n + 1) / 4, math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    return math.erfc(abs(positive - mean) / deviation / math.sqrt(2))


def main() -> int:
    """`scripts/timing`: 0 they cannot be told apart, 1 they can, or a planted leak was missed."""
    parser = argparse.ArgumentParser(prog="scripts/timing", description=__doc__)
    parser.add_argument("--samples", type=int, default=LONG, help=f"sign-ins of either kind ({LONG})")
    parser.add_argument("--planted", type=float, default=PLANTED_MS, help="milliseconds of the planted leak (3)")
    options = parser.parse_args()
    # Thousands of refusals are logged, each a line that nobody asked for here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return asyncio.run(_measure(options))


async def _measure(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="timing-") as folder:
        Path(folder).chmod(0o755)
        async with running(Settings(data=Path(folder), login_rate=0)) as application:
            identity = application.identity
            await identity.register(KNOWN, "Known", PASSWORD, "timing")
            expected = {"as it is": (against(identity), False)}
            expected["nothing hashed for strangers"] = without_a_hash_for_strangers(identity), True
            planted = with_a_delay_for_the_known(identity, options.planted)
            expected[f"{options.planted:g} ms longer for the known"] = planted, True
            held = [await _told(name, login, leak, options.samples) for name, (login, leak) in expected.items()]
    return 0 if all(held) else 1


async def _told(name: str, login: Login, leak: bool, samples: int) -> bool:
    def progress() -> Iterator[int]:
        yield from track(range(samples), name, console=Console(stderr=True))

    found = [await _pair(login, nth) for nth in progress()]
    sure = differ(found)
    told = ", ".join(
        f"{statistics.median(each) * 1e3:+.3f} ms {what} (p = {p:.2g})"
        for what, each, p in zip(("by the clock", "on the processor"), zip(*found, strict=True), probabilities(found),
                                 strict=True)
    )  # fmt: skip
    verdict = "told apart" if sure else "not told apart"
    sys.stdout.write(f"{name}: {verdict}; {samples} pairs differ by {told} in the median\n")
    return sure is leak


if __name__ == "__main__":
    sys.exit(main())
