"""Hostile clients: what 50 well-behaved sockets of one room feel beside each attack, and what the server keeps of it.

The server has a core to itself. The well-behaved, PostgreSQL and the attackers share the other, where the attackers
have the lowest priority; what their use of that core does by itself is shown by a control that only burns CPU time.
Connections are counted from outside: each attacker has an address of its own. No limit of the server is switched off.
"""

import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import attacks
import machine
import report
import systems
from attacks import Told
from load import Data, Run, Void
from scenarios import Scenario

WINDOW_S = 2.0
SETTLE_S = 1.0
BOUND_S = 2 * attacks.LONGEST_S
LEAST_PRIORITY = 19
ALONE, AFTER, CONTROL, VANISHED = "alone", "after", "burning", "vanished"
PINGED_OUT_S = 50.0
"""A client that answers no ping is gone after an interval and the time to answer, and some more."""
RELEASED_S = 5.0
UNHARMED = 1.5
"""A p99 up to so many times that of nobody or of the control, whichever is more, counts as unharmed."""
HEADINGS = (
    "beside", "ack p50", "p99 ms", "ratio", "heard p50", "p99 ms", "ratio", "unharmed", "server", "pg",
    "MiB before", "peak", "after", "files", "held", "left", "what the attackers counted",
)  # fmt: skip
_addresses = itertools.count()


def _of_least_priority() -> None:
    os.nice(LEAST_PRIORITY)


class Limited(systems.Ours):
    """Ours as it comes."""

    def environ(self) -> dict[str, str]:
        """Every limit at its default."""
        return {}


class Attack:
    """An attacker's process and what the server has of it."""

    def __init__(self, name: str, server: systems.System, room: Data, own: Data) -> None:
        """`room` is of the well-behaved, `own` of the attackers."""
        number = next(_addresses)
        self.name, self._port, self.source = name, server.port, f"127.0.{1 + number // 200}.{2 + number % 200}"
        mine, theirs = own.projects[0], room.projects[0]["projectId"]
        self._told = Told(
            server.port, self.source, own.tokens, mine["projectId"], mine["taskIds"], theirs, room.tokens
        )
        self._process: subprocess.Popen[str] | None = None
        self._watchdog: threading.Timer | None = None

    def begin(self) -> None:
        """Start it, and come back when it is under way."""
        command = [sys.executable, str(Path(__file__).parent / "attacks.py"), self.name]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=systems.clean(),
            preexec_fn=_of_least_priority,
        )  # fmt: skip
        self._watchdog = threading.Timer(BOUND_S, self._process.kill)
        self._watchdog.start()
        self._tell(json.dumps(asdict(self._told)))
        self._hear("attacking")
        if self.name == VANISHED:
            self._process.send_signal(signal.SIGSTOP)

    def stop(self) -> dict[str, int]:
        """No more of it, but what is open stays open; what it counted."""
        if self.name == VANISHED:
            return {}
        self._tell("stop")
        return self._hear("ended")

    def end(self) -> None:
        """End the process, and with it every connection of its."""
        if self._process:
            self._process.kill()
            self._process.communicate()
        if self._watchdog:
            self._watchdog.cancel()

    def left(self, within_s: float) -> int:
        """Connections that the server still holds of it, at the latest after a while."""
        deadline = time.monotonic() + within_s
        while (found := machine.connections(self._port, self.source)) and time.monotonic() < deadline:
            time.sleep(machine.LOOK_S)
        return found

    def _tell(self, line: str) -> None:
        assert self._process
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self, phase: str) -> dict[str, int]:
        assert self._process
        assert self._process.stdout
        line = self._process.stdout.readline()
        said: dict[str, Any] = json.loads(line) if line else {"phase": "ended by itself"}
        if said.pop("phase") != phase:
            raise Void(f"the attack {self.name} did not go as planned: {said}")
        return said


class Besieged(Run):
    """A run of the generator with an attack from before its first move to the end of its last window."""

    def __init__(self, attack: Attack, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._attack = attack

    def _heard(self, phase: str, to_load: Any) -> None:
        if phase == "ready":
            machine.forget_peak(self._pids["server"])
            self._attack.begin()
        super()._heard(phase, to_load)
        if phase == "end":
            self._measured["counted"] = self._attack.stop()
            self._measured["held"] = self._attack.left(0)
            self._measured["rssPeak"] = machine.peak_kib(self._pids["server"])


class Course:
    """Nobody attacks first and last, and every attack has its turn between."""

    def __init__(
        self, server: systems.System, room: Data, own: Data, measure: Callable[[Callable[..., Run]], dict[str, Any]]
    ) -> None:
        """`measure` makes one run of the generator by what it is given, and checks it; it raises Void."""
        self._server, self._room, self._own, self._measure = server, room, own, measure
        self._attacks: list[Attack] = []
        self._vanished_at = 0.0

    def phases(self) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
        """Each phase's name and what runs it; to be run in this order."""
        yield ALONE, lambda: self._kept(lambda: self._measure(Run))
        for name in attacks.ATTACKS:
            yield name, partial(self._beside, name)
        yield AFTER, lambda: self._kept(lambda: self._measure(Run))

    def vanished_left(self) -> int:
        """Connections of who vanished that the server holds when it must have noticed."""
        noticed_at = self._vanished_at + PINGED_OUT_S
        vanished = (each for each in self._attacks if each.name == VANISHED)
        return sum(each.left(max(0.0, noticed_at - time.monotonic())) for each in vanished)

    def end(self) -> None:
        """End every attacker."""
        for each in self._attacks:
            each.end()

    def _beside(self, name: str) -> dict[str, Any]:
        attack = Attack(name, self._server, self._room, self._own)
        self._attacks.append(attack)
        if name == VANISHED:
            self._vanished_at = time.monotonic()
        return self._kept(lambda: self._attacked(attack))

    def _attacked(self, attack: Attack) -> dict[str, Any]:
        try:
            result = self._measure(partial(Besieged, attack))
        finally:
            if attack.name != VANISHED:
                attack.end()
        return result | {"left": attack.left(RELEASED_S) if attack.name != VANISHED else None}

    def _kept(self, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A phase with what the server has of memory and open files before it and after, when nobody is connected."""
        before = self._holds("Before")
        result = run()
        time.sleep(SETTLE_S)
        return result | before | self._holds("After")

    def _holds(self, when: str) -> dict[str, int]:
        pid = self._server.pid
        return {f"rss{when}": machine.resident_kib(pid), f"files{when}": machine.open_files(pid)}


def in_windows(scenario: Scenario, windows: int, window_s: float) -> Scenario:
    """The scenario's shape with so many windows, none of them long."""
    assert scenario.shape
    seconds = windows * min(window_s, WINDOW_S)
    told = (*scenario.shape.settings, ("windows", windows), ("seconds", seconds))
    return replace(scenario, shape=replace(scenario.shape, settings=told))


def median(result: dict[str, Any], what: str, percentile: str) -> float:
    """Of `ack` or `heard`, the median over the windows, in ms."""
    return statistics.median(each[what][percentile] for each in result["windows"])


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """A row for each attack: what the others felt, and what the server kept."""
    lines = [HEADINGS, *(_cells(name, each[0], results) for name, each in results.items() if each)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = (
        "  ".join(
            cell.rjust(width) if nth else cell.ljust(width)
            for nth, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )
    return "\n".join(each.rstrip() for each in rows)


def _cells(name: str, result: dict[str, Any], results: dict[str, list[dict[str, Any]]]) -> tuple[str, ...]:
    times = [report.number(median(result, what, part)) for what in ("ack", "heard") for part in ("p50", "p99")]
    harm = [_harm(result, what, results) for what in ("ack", "heard")]
    ratios = ["" if each is None else f"{each:.2f}" for each in harm]
    judged = name not in (ALONE, CONTROL, AFTER) and None not in harm
    counted = result.get("counted", {})
    return (
        name, times[0], times[1], ratios[0], times[2], times[3], ratios[1],
        ("yes" if max(each or 0.0 for each in harm) <= UNHARMED else "no") if judged else "",
        *(f"{result['cpuShares'].get(each, 0):.0%}" for each in ("server", "postgres")),
        *(f"{result[each] / 1024:.1f}" if each in result else "" for each in ("rssBefore", "rssPeak", "rssAfter")),
        f"{result['filesBefore']}-{result['filesAfter']}",
        *("" if result.get(each) is None else str(result[each]) for each in ("held", "left")),
        ", ".join(f"{number:,} {what}" for what, number in counted.items()),
    )  # fmt: skip


def _harm(result: dict[str, Any], what: str, results: dict[str, list[dict[str, Any]]]) -> float | None:
    """A p99 beside that of nobody or of the control; None where neither was measured."""
    beside = [median(results[each][0], what, "p99") for each in (ALONE, CONTROL) if results.get(each)]
    return median(result, what, "p99") / max(beside) if beside else None
