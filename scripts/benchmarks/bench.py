"""The course of the whole: PostgreSQL, the servers, the rounds in turns, and the checks that void what is wrong."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import growing
import hostile
import load
import machine
import psycopg
import reading
import signing
import systems
from load import Data, Run, Void
from psycopg.conninfo import make_conninfo
from scenarios import Scenario, Variant

HERE = Path(__file__).parent
APPENDING_WITHIN_S = 600
PROJECTS = 40
"""Of the log that is rebuilt."""
FAILURES = (Void, subprocess.SubprocessError, psycopg.Error, OSError, RuntimeError)
"""What spoils a run or a scenario and not the whole."""


def say(text: str) -> None:
    """Progress, for those who wait."""
    print(text, file=sys.stderr, flush=True)


class Bench:
    """One PostgreSQL server for all, one core for the measured server, one for everything else."""

    def __init__(self, folder: Path, conninfo: str, core: int, rounds: int, seconds: float) -> None:
        self.folder, self.conninfo, self.core = folder, conninfo, core
        self.rounds, self.seconds = rounds, seconds
        self.results: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self.problems: list[str] = []
        self._used: dict[str, systems.Ours] = {}
        with psycopg.connect(conninfo) as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            assert row
            self._postmaster = int(machine.parent(row[0]))
        load.build(folder)
        systems.make_peer_table(conninfo)

    def run(self, scenario: Scenario, chosen: list[str]) -> None:
        """All rounds of one scenario, its systems in turns."""
        say(f"{scenario.name}: {scenario.what}")
        try:
            if scenario.name == "append-replay":
                self._append_replay(scenario, chosen)
            elif scenario.name == "rebuild":
                self._rebuilding(scenario)
            elif scenario.name == "reading":
                self._reading(scenario)
            elif scenario.name == "logins":
                self._logins(scenario)
            elif scenario.name == "hostile":
                self._hostile(scenario)
            else:
                with self._servers(scenario, chosen) as servers:
                    self._rounds(scenario, {name: self._turn(*each) for name, each in servers.items()})
        except FAILURES as error:
            self._void(f"{scenario.name}: {error}")

    def _turn(self, server: systems.System, data: Data) -> Callable[[Scenario], dict[str, Any]]:
        return lambda scenario: self._measure(scenario, server, data)

    def _void(self, problem: str) -> None:
        self.problems.append(problem)
        say(f"  void: {problem}")

    def audit(self) -> None:
        """Everything ours has stored is held against its own log."""
        for name, server in self._used.items():
            say(f"audit of {name}")
            try:
                found = server.audit()
            except (*FAILURES, ValueError) as error:
                found = [str(error)]
            for each in found:
                self._void(f"audit of {name}: {each}")

    def _rounds(self, scenario: Scenario, runs: dict[str, Any]) -> None:
        found = self.results.setdefault(scenario.name, {name: [] for name in runs})
        for number in range(1, self.rounds + 1):
            for name, run in runs.items():
                try:
                    result = run(scenario)
                except FAILURES as error:
                    self._void(f"{scenario.name}, {name}, round {number}: {error}")
                    continue
                found[name].append(result)
                figure = scenario.figures[0]
                say(
                    f"  round {number} of {self.rounds}, {name}: {figure.of(result):,.1f} {figure.name} {figure.unit}"
                )

    @contextmanager
    def _servers(self, scenario: Scenario, chosen: list[str]) -> Iterator[dict[str, tuple[systems.System, Data]]]:
        """The scenario's servers, filled and started."""
        servers: dict[str, tuple[systems.System, Data]] = {}
        try:
            for name, server, variant in self._wanted(scenario, chosen):
                shape = scenario.shape
                assert shape
                data = server.fill(scenario.people, shape.rooms, variant.tasks)
                if variant.events and isinstance(server, systems.Ours):
                    growing.grow(server.conninfo_of_log, data, variant.events)
                servers[name] = server, data
                server.start()
            systems.settle(self.conninfo, [each.database for each, _ in servers.values()])
            yield servers
        finally:
            for server, _ in servers.values():
                server.stop()

    def _wanted(self, scenario: Scenario, chosen: list[str]) -> Iterator[tuple[str, systems.System, Variant]]:
        if scenario.variants:
            for number, variant in enumerate(scenario.variants):
                database = f"{scenario.name}_{number}".replace("-", "_")
                yield variant.name, self._ours(variant.name, database), variant
            return
        for name in scenario.systems:
            if name in chosen or issubclass(systems.KINDS[name], systems.Source):
                kind = systems.KINDS[name]
                server = self._ours("ours") if name == "ours" else kind(self.conninfo, self.core, self.folder)
                yield name, server, Variant(name, scenario.tasks)

    def _ours(self, name: str, database: str | None = None) -> systems.Ours:
        if name not in self._used:
            self._used[name] = systems.Ours(self.conninfo, self.core, self.folder, database)
        return self._used[name]

    def _measure(
        self, scenario: Scenario, server: systems.System, data: Data, kind: Callable[..., Run] = Run
    ) -> dict[str, Any]:
        """One round of one system, checked; Void where anything is not as it must be."""
        shape = scenario.shape
        assert shape
        if scenario.fresh or not server.alive:
            server.stop()
            server.start()
        if data.spoilt:
            data.become(server.fill(scenario.people, shape.rooms, len(data.projects[0]["taskIds"])))
        machine.await_idle(server.pid)
        settings = {**server.settings, "join": int(shape.mode == "moves"), "seconds": self.seconds}
        if scenario.resume and (heads := server.heads(data)):
            settings["position"] = heads[data.projects[0]["projectId"]]
        before = server.moves(data)
        run = kind(self.folder / "load", shape, data, {"server": server.pid, "postgres": self._postmaster})
        data.spoilt = True
        result = run.against(server.port, settings, server.collect)
        wrong, after = load.flaws(result), server.moves(data)
        heard = result.pop("heads")
        if server.settings["positions"] and shape.mode == "moves" and server.heads(data) not in ({}, heard):
            wrong.append("the last positions that were acknowledged are not those of the log")
        if before is not None and after is not None and after - before != result["acked"]:
            wrong.append(f"{after - before} moves are in the log, {result['acked']} were acknowledged")
        if wrong:
            raise Void(", ".join(wrong))
        data.spoilt = False
        return result

    def _append_replay(self, scenario: Scenario, chosen: list[str]) -> None:
        ours = self._ours("append-replay", "append_replay")
        unhashed = systems.Ours(self.conninfo, self.core, self.folder, "unhashed")  # whose log no audit can hold
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute("CREATE DATABASE eventsourcing")
        runs = {
            name: lambda _, name=name: self._appending(name, unhashed if name == "unhashed" else ours)
            for name in scenario.systems
            if name in chosen or name != "ours"
        }
        self._rounds(scenario, runs)

    def _rebuilding(self, scenario: Scenario) -> None:
        ours, (variant,) = self._ours("rebuild", "rebuild"), scenario.variants
        data = ours.fill(scenario.people, PROJECTS, scenario.tasks)
        growing.grow(ours.conninfo_of_log, data, variant.events)
        systems.settle(self.conninfo, [ours.database])
        project = data.projects[0]
        words = [ours.conninfo_of_log, project["projectId"], data.people[0], project["taskIds"][0], str(self.seconds)]
        command = [sys.executable, str(HERE / "rebuilding.py"), *words]
        self._rounds(scenario, {"ours": lambda _: _json_of(command, self.core)})

    def _reading(self, scenario: Scenario) -> None:
        ours = self._ours("reading", "reading")
        small, big = ours.fill(1, 1, reading.SMALL), ours.fill(1, 1, reading.BIG)
        reading.fill(ours.conninfo_of_log, big)
        systems.settle(self.conninfo, [ours.database])

        def restarted() -> int:
            ours.stop()
            ours.start()
            machine.await_idle(ours.pid)
            return ours.port

        try:
            self._rounds(scenario, {"ours": lambda _: reading.measured(small, big, restarted)})
        finally:
            ours.stop()

    def _logins(self, scenario: Scenario) -> None:
        ours = self._ours("logins", "logins")
        try:
            ours.start()
            self._rounds(scenario, {"ours": lambda _: signing.measured(ours.port, self.seconds)})
        finally:
            ours.stop()

    def _hostile(self, scenario: Scenario) -> None:
        shape, ours = scenario.shape, hostile.Limited(self.conninfo, self.core, self.folder, "hostile")
        assert shape
        self._used["hostile"] = ours
        room, own = (ours.fill(scenario.people, 1, scenario.tasks) for _ in range(2))
        systems.settle(self.conninfo, [ours.database])
        ours.start()
        besieged = hostile.in_windows(scenario, self.rounds, self.seconds)
        course = hostile.Course(ours, room, own, lambda kind: self._measure(besieged, ours, room, kind))
        found = self.results.setdefault(scenario.name, {})
        try:
            for name, phase in course.phases():
                try:
                    found[name] = [phase()]
                    say(f"  {name}: delivered p99 {hostile.median(found[name][0], 'heard', 'p99'):.1f} ms")
                except FAILURES as error:
                    self._void(f"{scenario.name}, beside {name}: {error}")
            if found.get(hostile.VANISHED):
                found[hostile.VANISHED][0]["left"] = course.vanished_left()
        finally:
            course.end()
            ours.stop()

    def _appending(self, name: str, ours: systems.Ours) -> dict[str, Any]:
        """A process of its own on the server's core; ours gets a fresh project."""
        data = ours.fill(1, 1, 1)
        peer = make_conninfo(self.conninfo, dbname="eventsourcing")
        conninfo = peer if name == "eventsourcing" else ours.conninfo_of_log
        project = data.projects[0]
        words = [name, conninfo, project["projectId"], data.people[0], project["taskIds"][0], str(self.seconds)]
        return _json_of([sys.executable, str(HERE / "appending.py"), *words], self.core)


def _json_of(command: list[str], core: int) -> dict[str, Any]:
    """What a program prints that runs on this core."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, env=systems.clean(), check=True, timeout=APPENDING_WITHIN_S,
        preexec_fn=machine.pinned_to(core),
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found
