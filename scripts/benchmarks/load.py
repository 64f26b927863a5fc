"""Runs the load generator: builds it, tells it who its clients are, and measures the server meanwhile."""

import itertools
import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import machine

HERE = Path(__file__).parent / "load"
SOURCES = {"load": ("load.c", "socket.c"), "source": ("source.c",)}
PATIENCE_S = 180
DRAIN_S = 60
WARM_S = 1.0
SETTLE_S = 3.0
LEAST_ADDRESS, ADDRESSES = 2, 200
_addresses = itertools.count()


class Void(Exception):
    """What a run found is worth nothing; the message says why."""


@dataclass
class Data:
    """People's tokens and projects with their tasks. `turns` remembers how far each task was moved.

    `spoilt` is set where a run went wrong and nobody knows how far they were.
    """

    tokens: list[str]
    projects: list[dict[str, Any]]
    people: list[str] = field(default_factory=list)
    turns: dict[str, int] = field(default_factory=dict)
    spoilt: bool = False

    def become(self, other: "Data") -> None:
        """Be replaced where it stands."""
        vars(self).update(vars(other))


@dataclass(frozen=True)
class Shape:
    """Clients in rooms; of each room the first `senders` move tasks of their own, `tasks` each."""

    clients: int
    rooms: int = 1
    senders: int | None = None
    tasks: int = 1
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def mode(self) -> str:
        """What the generator does: moves, joins, rejoin or idle."""
        return str(dict(self.settings).get("mode", "moves"))


def build(folder: Path) -> None:
    """Compile the generator and the least server."""
    for name, sources in SOURCES.items():
        command = ["cc", "-O2", "-o", str(folder / name), *(str(HERE / each) for each in sources)]
        subprocess.run(command, check=True)


def _clients(shape: Shape, data: Data) -> list[tuple[str, list[str]]]:
    """The generator's line for each client, and the tasks that are its own."""
    each_room = shape.clients // shape.rooms
    senders = each_room if shape.senders is None else shape.senders
    found = []
    for number in range(shape.clients):
        project, place = data.projects[number // each_room], number % each_room
        tasks = project["taskIds"][place * shape.tasks : (place + 1) * shape.tasks] if place < senders else []
        turn = data.turns.get(tasks[0], 0) if tasks else 0
        token = data.tokens[number % len(data.tokens)]
        words = [token, project["projectId"], int(place < senders), turn, *(tasks or ["-"])]
        found.append((" ".join(map(str, ("client", *words))), tasks))
    return found


class Run:
    """One run of the generator against one server, measured."""

    def __init__(self, program: Path, shape: Shape, data: Data, pids: dict[str, int]) -> None:
        """`pids` are whose CPU share is wanted; `server` is among them."""
        self._program, self._shape, self._data, self._pids = program, shape, data, pids
        self._measured: dict[str, Any] = {}
        self._window: machine.Window | None = None

    def against(self, port: int, settings: dict[str, Any], collect: Callable[[], None]) -> dict[str, Any]:
        """The generator's result, with CPU shares and memory; `collect` is called before memory is read."""
        self._collect = collect
        process = subprocess.Popen([str(self._program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        longest = 2 * PATIENCE_S + DRAIN_S + 2 * float(settings.get("seconds", 0)) + 60
        watchdog = threading.Timer(longest, process.kill)
        watchdog.start()
        try:
            return self._converse(process, port, settings)
        finally:
            watchdog.cancel()
            process.kill()
            process.wait()

    def _converse(self, process: subprocess.Popen[str], port: int, settings: dict[str, Any]) -> dict[str, Any]:
        assert process.stdin
        assert process.stdout
        clients = _clients(self._shape, self._data)
        everything = {"port": port, "patience": PATIENCE_S, "drain": DRAIN_S, "warm": WARM_S, **settings}
        everything |= {"source": f"127.0.0.{LEAST_ADDRESS + next(_addresses) % ADDRESSES}"}
        everything |= dict(self._shape.settings)
        lines = [f"set {name} {value}" for name, value in everything.items()]
        self._pids = {**self._pids, "load": process.pid}
        self._memory("rssBefore")
        process.stdin.write("\n".join([*lines, *(line for line, _ in clients), "run\n"]))
        process.stdin.flush()
        for line in process.stdout:
            said = json.loads(line)
            if said["phase"] == "result":
                self._remember([tasks for _, tasks in clients], said.pop("turns"))
                return {**said, **self._measured}
            if said["phase"] == "failed":
                raise Void(said["why"])
            self._heard(said["phase"], process.stdin)
        raise Void("the load generator ended without a result")

    def _heard(self, phase: str, to_load: Any) -> None:
        """Measure while it connects where that is all it does, and else between `begin` and `end`."""
        idle = self._shape.mode == "idle"
        if phase == ("connecting" if idle else "begin"):
            self._window = machine.Window(self._pids)
        if phase == ("ready" if idle else "end") and self._window:
            self._measured["cpuShares"] = self._window.shares()
        if phase == "ready":
            self._memory("rssAfter")
            to_load.write("go\n")
            to_load.flush()

    def _memory(self, name: str) -> None:
        if self._shape.mode == "idle":
            time.sleep(SETTLE_S if name == "rssAfter" else 0)
            self._collect()
            self._measured[name] = machine.resident_kib(self._pids["server"])

    def _remember(self, tasks: list[list[str]], turns: list[int]) -> None:
        self._data.turns |= {own[0]: turn for own, turn in zip(tasks, turns, strict=True) if own}


def flaws(result: dict[str, Any]) -> list[str]:
    """What makes a result void."""
    must_be_none = ("refused", "unanswered", "lost", "doubled", "swapped", "strays", "missing", "extra")
    found = [f"{result[name]} {name}" for name in must_be_none if result[name]]
    return found + ([f"the first refusal: {result['refusal']}"] if result["refusal"] else [])
