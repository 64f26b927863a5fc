"""`scripts/bench`: measure ours and the peers side by side, print a table, keep the raw numbers where asked to."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import hostile
import machine
import psycopg
import report
from bench import Bench, say
from scenarios import ALL, Scenario, scenarios

from collabcampus.embedded import Cluster, EmbeddedUnavailable

HOLDS, DOES_NOT_HOLD, MISUSE = 0, 1, 2
NODE_MODULES = Path(__file__).parent / "peers" / "node" / "node_modules"
NODE_PACKAGES = ("express", "socket.io", "ws", "pg", "jsonwebtoken", "bufferutil")


def main() -> int:
    """The exit status: 0 all checks held, 1 some did not, 2 misuse."""
    options = _options()
    known = scenarios(options.log_events)
    try:
        wanted = _named(options.only, known)
        chosen = _systems(options.systems)
        core, other = machine.cores()
    except (ValueError, machine.Unfit) as error:
        print(error, file=sys.stderr)
        return MISUSE
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(DOES_NOT_HOLD))
    if not options.postgres_anywhere:
        os.sched_setaffinity(0, [other])
    try:
        return _run(wanted, chosen, options, core, other)
    except EmbeddedUnavailable as error:
        print(error, file=sys.stderr)
        return DOES_NOT_HOLD


def _run(wanted: list[Scenario], chosen: list[str], options: argparse.Namespace, core: int, other: int) -> int:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    folder.chmod(0o755)
    try:
        with Cluster(folder) as cluster:
            os.sched_setaffinity(0, [other])
            with psycopg.connect(cluster.conninfo, autocommit=True) as connection:
                about = machine.about(connection, _node_versions())
            bench = Bench(folder, cluster.conninfo, core, options.rounds, options.seconds)
            for scenario in wanted:
                bench.run(scenario, chosen)
            bench.audit()
    finally:
        shutil.rmtree((folder / "postgres").resolve(), ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
    _tell(bench, about, wanted, options)
    return DOES_NOT_HOLD if bench.problems else HOLDS


def _tell(bench: Bench, about: dict[str, Any], wanted: list[Scenario], options: argparse.Namespace) -> None:
    rows = report.summary(wanted, bench.results)
    print(report.heading(about, options.rounds, options.seconds))
    print()
    if rows:
        print(report.table(rows))
    if attacked := bench.results.get("hostile"):
        print(hostile.table(attacked))
    for problem in bench.problems:
        print(f"VOID: {problem}")
    if options.json:
        everything = {"about": about, "rounds": options.rounds, "seconds": options.seconds, "summary": rows}
        everything |= {"problems": bench.problems, "results": bench.results}
        options.json.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n")
        say(f"kept in {options.json}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--only", default="", help="scenarios, with commas between; all but `generator` unless given")
    parser.add_argument("--systems", default=",".join(ALL), help="which of ours, node, socketio")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the median counts")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a round's window")
    parser.add_argument("--log-events", type=int, default=1_000_000, help="events of log-size's long log")
    parser.add_argument("--json", type=Path, help="file for everything, the raw numbers too")
    parser.add_argument("--postgres-anywhere", action="store_true", help="let PostgreSQL run on either core")
    return parser.parse_args()


def _named(only: str, known: list[Scenario]) -> list[Scenario]:
    by_name = {each.name: each for each in known}
    names = [each for each in only.split(",") if each] or [each for each in by_name if each != "generator"]
    for name in names:
        if name not in by_name:
            raise ValueError(f"no such scenario: {name}; there are {', '.join(by_name)}")
    return [by_name[name] for name in dict.fromkeys(names)]


def _systems(given: str) -> list[str]:
    names = [each for each in given.split(",") if each]
    for name in names:
        if name not in ALL:
            raise ValueError(f"no such system: {name}; there are {', '.join(ALL)}")
    return names


def _node_versions() -> dict[str, str]:
    found = {}
    for name in NODE_PACKAGES:
        package = NODE_MODULES / name / "package.json"
        if package.exists():
            found[name] = json.loads(package.read_text())["version"]
    return found


if __name__ == "__main__":
    sys.exit(main())
