"""File locks that a process holds for as long as it lives, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collabcampus.embedded.binaries import EmbeddedUnavailable

POLL_S = 0.01


def open_lock(path: Path) -> int:
    """A descriptor of the lock file; no child inherits it unless told to. OSError where it is a link."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock if it is free right now."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_free(path: Path, *, shared: bool = False) -> bool:
    """Whether nobody holds the lock; with `shared` whether nobody holds it alone, which disturbs no other looker."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        return try_lock(descriptor, shared=shared)
    finally:
        os.close(descriptor)


@contextmanager
def held(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock for a while; EmbeddedUnavailable when somebody else does for too long."""
    descriptor = open_lock(path)
    deadline = time.monotonic() + timeout_s
    try:
        while not try_lock(descriptor):
            if time.monotonic() > deadline:
                raise EmbeddedUnavailable(
                    f"another process is starting or stopping the server: it has held {path} for more than "
                    f"{timeout_s:.0f} s. Try again, or end that process."
                )
            time.sleep(POLL_S)
        yield
    finally:
        os.close(descriptor)
