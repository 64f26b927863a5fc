"""The machine: cores for whom, what a process and its children have used, and what to print about it all."""

import os
import platform
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
SOCKETS_AT_MOST = 5_000
FILES_NEEDED = 3 * SOCKETS_AT_MOST
PACKAGES = ("collabcampus", "python-socketio", "python-engineio", "uvicorn", "litestar", "psycopg", "eventsourcing")
SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_connections")
IDLE_SHARE = 0.05
IDLE_WITHIN_S = 10.0
LOOK_S = 0.2
HELD = ("01", "08")
"""TCP's states established and close-wait, as /proc/net/tcp writes them."""


class Unfit(Exception):
    """This machine cannot run the benchmark; the message says why."""


def cores() -> tuple[int, int]:
    """The core of the measured server, and that of the load and PostgreSQL; more files for everybody."""
    mine = sorted(os.sched_getaffinity(0))
    if len(mine) < 2:
        raise Unfit("two cores are needed: one for the server, one for the load")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES_NEEDED:
        raise Unfit(f"{FILES_NEEDED} open files are needed, the hard limit is {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_NEEDED, hard))
    return mine[0], mine[1]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent, …"""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def parent(pid: int) -> int:
    """Who started a process."""
    return int(_stat(pid)[1])


def pinned_to(core: int) -> Callable[[], None]:
    """For a child process to call before it begins: it stays on this core."""
    return lambda: os.sched_setaffinity(0, [core])


def family(pid: int) -> list[int]:
    """A process and everything it has started, as far as it lives."""
    children: dict[int, list[int]] = {}
    for each in PROC.iterdir():
        if each.name.isdigit():
            try:
                children.setdefault(parent(int(each.name)), []).append(int(each.name))
            except (OSError, IndexError):
                continue
    found = [pid]
    for each_pid in found:
        found += children.get(each_pid, [])
    return found


def cpu_seconds(pid: int) -> float:
    """What a process and its children have used, the ended ones too."""
    ticks = 0
    for number, each in enumerate(family(pid)):
        try:
            fields = _stat(each)
        except OSError:
            continue
        ticks += sum(map(int, fields[11:13] if number else fields[11:15]))
    return ticks / TICKS


def resident_kib(pid: int) -> int:
    """Memory of a process and its children that is resident, in KiB."""
    total = 0
    for each in family(pid):
        for line in (PROC / str(each) / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total


def forget_peak(pid: int) -> None:
    """From now on the peak is that of what comes."""
    (PROC / str(pid) / "clear_refs").write_text("5")


def peak_kib(pid: int) -> int:
    """The most memory of a process alone that was resident, in KiB."""
    lines = (PROC / str(pid) / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def open_files(pid: int) -> int:
    """Descriptors that a process alone holds."""
    return sum(1 for _ in (PROC / str(pid) / "fd").iterdir())


def connections(port: int, peer: str) -> int:
    """IPv4 connections to a port from an address of this machine that a process at the port's end still holds."""
    theirs, found = f"{int.from_bytes(socket.inet_aton(peer), sys.byteorder):08X}", 0
    for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
        _, here, there, state, *rest = line.split()
        held = state in HELD and rest[5] != "0"
        found += held and here.endswith(f":{port:04X}") and there.startswith(theirs)
    return found


def await_idle(pid: int) -> None:
    """Wait until a process has done its work of before; for a while."""
    deadline = time.monotonic() + IDLE_WITHIN_S
    while time.monotonic() < deadline:
        before = cpu_seconds(pid)
        time.sleep(LOOK_S)
        if cpu_seconds(pid) - before <= IDLE_SHARE * LOOK_S:
            return


class Window:
    """CPU used by several processes between two moments, as shares of one core."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self._began = self._look()

    def shares(self) -> dict[str, float]:
        """Since the beginning."""
        start, used = self._began
        now, total = self._look()
        return {name: round((total[name] - used[name]) / max(now - start, 1e-9), 3) for name in self._pids}

    def _look(self) -> tuple[float, dict[str, float]]:
        return time.monotonic(), {name: cpu_seconds(pid) for name, pid in self._pids.items()}


def _processor() -> str:
    for line in (PROC / "cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip().partition("\n")[0]


def about(connection: Any, node: dict[str, str]) -> dict[str, Any]:
    """Machine, versions and the settings that make writing durable; `node` has the versions of Node's packages."""
    settings = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in SETTINGS}
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "cores": "the server on one, the load and PostgreSQL on the other",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "node": {"node": _said("node", "--version"), **node},
        "compiler": _said("cc", "--version"),
        "postgresql": settings,
    }
