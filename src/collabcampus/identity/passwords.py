"""Passwords: argon2id in a bounded pool of threads, so that the loop never waits for one."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from collabcampus.domain.errors import Overloaded
from collabcampus.identity.common import is_common
from collabcampus.identity.errors import WeakPassword

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
THREADS = 2
WAITING_MOST = 200
"""Who may wait for a turn: some seconds' work. Whoever comes then is told to come back."""
RETRY_AFTER_S = 2

T = TypeVar("T")
SHORTEST, LONGEST = 12, 128
NOBODYS = "!"
"""Before the hash of a password that nobody knows: a guess costs what it does elsewhere."""


def require_strong(password: str, email: str) -> None:
    """WeakPassword with its `reason` for one too short, too long, common or the address, as `clean_email` has it."""
    reason = None
    if not SHORTEST <= len(password) <= LONGEST:
        reason = f"{SHORTEST} to {LONGEST} characters are needed"
    elif "\0" in password or not _is_utf8(password):
        reason = "it holds characters that are not text"
    elif is_common(password):
        reason = "it is among the first that are guessed"
    elif _as_address(password) == email:
        reason = "it is the e-mail address"
    if reason:
        raise WeakPassword(reason=reason)


def is_somebodys(stored: str) -> bool:
    """Whether a stored hash is of a password that somebody knows."""
    return not stored.startswith(NOBODYS)


class Passwords:
    """Hashes and verifies; unknown people cost the same as known ones."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._turns, self._waiting = asyncio.Semaphore(THREADS), 0
        self._nobodys = self._hasher.hash("the password of nobody at all")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One of the turns to hash, of which there are as many as threads; Overloaded where too many wait for one."""
        if self._waiting >= WAITING_MOST:
            raise Overloaded(retryAfter=RETRY_AFTER_S)
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    async def hash(self, password: str) -> str:
        """The encoded argon2id hash."""
        async with self.turn():
            return await self._run(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether it is the password of this hash; None takes the same time and is never it."""
        async with self.turn():
            return await self.matches(stored, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """As `verify`, for whoever has a turn."""
        matches = await self._run(self._matches, stored or self._nobodys, password)
        return matches and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, password: str) -> bool:
        if len(password) > LONGEST or not _is_utf8(password):
            password = ""  # nobody has it # nosec B105
        try:
            return self._hasher.verify(stored.removeprefix(NOBODYS), password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., T], *values: str) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *values)


def _as_address(password: str) -> str:
    return unicodedata.normalize("NFC", password.strip().lower())


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
