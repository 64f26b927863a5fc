"""The lifecycle of our own PostgreSQL server.

Who is alive is told by locks on files, never by process ids: the postmaster and its children inherit
`alive`, so that lock is free exactly when all of them are gone. Every process that uses the server holds `users`
shared, and the last one out stops it. `gate` is held by whoever is starting or stopping. Locks end with their
holders, so a kill -9 of anybody heals itself at the next start.
"""

import contextlib
import hashlib
import logging
import os
import shutil
import signal
import stat
import subprocess
import time
import uuid
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from collabcampus.embedded import locks
from collabcampus.embedded.binaries import Binaries, EmbeddedUnavailable, find_binaries
from collabcampus.embedded.service_user import keep, reachable_binaries, reachable_folder, service_user

SHORT = Path("/tmp")  # noqa: S108 - not TMPDIR: every process has to find the same, and ours is 0700 and checked # nosec B108
PROCESSES = Path("/proc")
PORT = 5432
LONGEST_SOCKET_PATH = 107
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.01
LARGEST_LOG = 10 * 1024 * 1024
BUILTIN_LOCALE_FROM = 17
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "max_connections": "300",
    "shared_buffers": "128MB",
    "jit": "off",
    "checkpoint_timeout": "15min",
    "max_wal_size": "2GB",
    "min_wal_size": "512MB",
    "timezone": "UTC",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
}

_logger = logging.getLogger(__name__)


class Cluster:
    """A PostgreSQL server in `folder`/postgres/<major>, shared by every process that starts it."""

    def __init__(self, folder: Path, binaries: Binaries | None = None) -> None:
        self._folder = folder.absolute()
        self._found = binaries
        self._home = self._folder / "postgres"
        self._users: int | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Cluster":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> str:
        """Start the server, or join the one that runs; the conninfo of its superuser. EmbeddedUnavailable if not."""
        self._prepare()
        with locks.held(self._lock("gate"), START_TIMEOUT_S):
            self._start_if_dead()
            if self._users is None:
                self._users = locks.open_lock(self._lock("users"))
                locks.try_lock(self._users, shared=True)
        return self.conninfo

    @property
    def conninfo(self) -> str:
        """How to connect as superuser over the Unix socket, which is the only way in; known after `start`."""
        # An empty hostaddr, or PGHOSTADDR in the environment would lead to some other server.
        return make_conninfo(host=str(self._sockets), hostaddr="", port=PORT, user="postgres", dbname="postgres")

    def alive(self) -> bool:
        """Whether the server, or any process of it, lives."""
        return not locks.is_free(self._lock("alive"), shared=True)

    def ensure(self) -> bool:
        """Start the server again if it died while we use it; whether that was so."""
        if self._server:
            self._server.poll()  # leaves no zombie behind
        if self._users is None or self.alive():
            return False
        with locks.held(self._lock("gate"), START_TIMEOUT_S):
            return self._users is not None and self._start_if_dead()

    def stop(self) -> None:
        """Leave the server; the last one out stops it and waits until it is gone."""
        if self._users is None:
            return
        with locks.held(self._lock("gate"), START_TIMEOUT_S):
            os.close(self._users)
            self._users = None
            if locks.is_free(self._lock("users")):
                self._stop_server()

    def _prepare(self) -> None:
        """Folders, the user the server runs as, and binaries that user can reach."""
        self._user = service_user()
        self._binaries = reachable_binaries(self._found or find_binaries(), self._user)
        clusters = self._folder / "postgres"
        self._folder.mkdir(parents=True, exist_ok=True)
        with locks.held(self._folder / "placing.lock", START_TIMEOUT_S):
            self._home = reachable_folder(clusters, self._user)
            self._sockets = self._socket_folder(self._home)
        self._refuse_other_majors(self._home)
        self._data = self._home / str(self._binaries.major)

    def _refuse_other_majors(self, place: Path) -> None:
        majors = sorted(each.name for each in place.iterdir() if each.name.isdigit())
        major = str(self._binaries.major)
        if majors and major not in majors:
            raise EmbeddedUnavailable(
                f"the data in {place} was written by PostgreSQL {majors[-1]}, these binaries are PostgreSQL {major}. "
                f"Point COLLABCAMPUS_POSTGRES_BIN at binaries of {majors[-1]}, or dump the data there and restore it "
                "into a new folder."
            )

    def _lock(self, name: str) -> Path:
        return self._home / f"{name}.lock"

    def _socket_folder(self, place: Path) -> Path:
        folder = place / "sockets"
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) > LONGEST_SOCKET_PATH or "," in str(folder):
            name = hashlib.sha256(os.fsencode(place)).hexdigest()[:16]
            folder = SHORT / f"collabcampus-{name}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        self._user.give(folder)
        owner = self._user.account.pw_uid if self._user.account else os.geteuid()
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or status.st_mode & 0o077:
            raise EmbeddedUnavailable(f"{folder} is not the server's alone. Remove it.")
        return folder

    def _start_if_dead(self) -> bool:
        alive = locks.open_lock(self._lock("alive"))
        try:
            if self._joins(alive):
                return False
            self._clear_stale()
            self._initialise()
            self._launch(alive)
        finally:
            os.close(alive)
        self._await_ready()
        return True

    def _joins(self, alive: int) -> bool:
        """Whether a living server answers; False once the lock is ours, and so nothing of a server lives.

        The lock may be held for a moment by somebody who only looks, and a server may die while it is waited for.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while not locks.try_lock(alive):
            if self._answers():
                return True
            if time.monotonic() > deadline:
                raise EmbeddedUnavailable(f"PostgreSQL lives and does not answer:\n{self._last_words()}")
            time.sleep(POLL_S)
        return False

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.conninfo, connect_timeout=5).close()
            return True
        return False

    def _clear_stale(self) -> None:
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (self._sockets / name).unlink(missing_ok=True)

    def _initialise(self) -> None:
        if self._data.is_dir():
            return
        for half in self._home.glob("fresh-*"):  # of a start that was killed
            shutil.rmtree(half, ignore_errors=True)
        fresh = self._data.with_name(f"fresh-{uuid.uuid4().hex}")
        locale = ["--locale=C.UTF-8"]
        if self._binaries.major >= BUILTIN_LOCALE_FROM:
            locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command = [
            str(self._binaries.bin / "initdb"), "-D", str(fresh), "--username=postgres", "--encoding=UTF8",
            "--data-checksums", "--auth-local=trust", "--auth-host=reject", *locale,
        ]  # fmt: skip
        done = subprocess.run(  # noqa: S603 - a list, no shell # nosec B603
            command, cwd="/", capture_output=True, text=True, check=False, env=_environment(), **self._user.popen
        )
        if done.returncode:
            shutil.rmtree(fresh, ignore_errors=True)
            raise EmbeddedUnavailable(f"initdb failed: {done.stderr.strip()}")
        fresh.rename(self._data)
        keep(self._home)

    def _launch(self, alive: int) -> None:
        log = self._home / "server.log"
        if log.exists() and log.stat().st_size > LARGEST_LOG:
            log.unlink()
        settings = {**SETTINGS, "unix_socket_directories": _quoted(self._sockets)}
        command = [str(self._binaries.bin / "postgres"), "-D", str(self._data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        # The server's user may write here: root must not follow a link of theirs.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(log, flags, 0o600), "ab") as output:
            self._server = subprocess.Popen(  # noqa: S603 - a list, no shell # nosec B603
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=[alive],
                env=_environment(),
                **self._user.popen,
            )

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._answers():
                return
            if self._server and self._server.poll() is not None:
                self._server = None
                raise EmbeddedUnavailable(f"PostgreSQL did not start:\n{self._last_words()}")
            time.sleep(POLL_S)
        raise EmbeddedUnavailable(f"PostgreSQL is not ready after {START_TIMEOUT_S:.0f} s:\n{self._last_words()}")

    def _last_words(self) -> str:
        log = self._home / "server.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-10:]) if log.exists() else ""

    def _stop_server(self) -> None:
        for order in (signal.SIGINT, signal.SIGQUIT):
            if not self.alive():
                break
            with contextlib.suppress(ProcessLookupError):
                if postmaster := self._postmaster():
                    os.kill(postmaster, order)
            self._await_dead(STOP_TIMEOUT_S)
        if self.alive():
            _logger.warning("PostgreSQL in %s does not stop", self._home)
        elif self._server:
            self._server.wait()
            self._server = None

    def _postmaster(self) -> int | None:
        """The process id of our child, or the one in the file if that process works in the data folder."""
        if self._server and self._server.poll() is None:
            return self._server.pid
        with contextlib.suppress(OSError, ValueError, IndexError):
            told = int((self._data / "postmaster.pid").read_text().split()[0])
            # Backends may outlive a killed postmaster, whose id may then be anybody's.
            if not PROCESSES.is_dir() or (PROCESSES / str(told) / "cwd").samefile(self._data):
                return told
        return None

    def _await_dead(self, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while self.alive() and time.monotonic() < deadline:
            if self._server:
                self._server.poll()
            time.sleep(POLL_S)


def _environment() -> dict[str, str]:
    """Nothing of ours: PG* variables and locales would change what the server does."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _quoted(folder: Path) -> str:
    """A folder as an element of a list setting."""
    escaped = str(folder).replace('"', '""')
    return f'"{escaped}"'
