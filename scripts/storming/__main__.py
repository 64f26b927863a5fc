"""Try revocation, joins and resumes; `scripts/storm --help` says how."""

import argparse
import asyncio
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import msgspec
import psycopg
import uvloop
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.progress import Progress as Bar

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from collabcampus.embedded import Cluster
from storm.campus import Campus, Filled, Progress, Report, campus, fill, two_nodes
from storm.joining import joins
from storm.removing import removals
from storm.revoking import archivings, demotions, logouts

DATABASE = "storm"
PEOPLE, TASKS = 14, 50
SHOWN = 20
PACKAGES = ("collabcampus", "python-socketio", "uvicorn", "litestar", "psycopg")

Part = Callable[[Campus, Progress], Awaitable[Report]]


def parts(rounds: int, rate: float) -> dict[str, tuple[int, Part]]:
    """Each part by name, with its number of rounds."""
    joined, archived = rounds * 5 // 2, max(1, rounds // 4)
    return {
        "joins": (joined, lambda here, progress: joins(here, joined, rate, progress)),
        "removals": (rounds, lambda here, progress: removals(here, rounds, rate / 4, progress)),
        "demotions": (rounds, lambda here, progress: demotions(here, rounds, progress)),
        "archivings": (archived, lambda here, progress: archivings(here, archived, progress)),
        "logouts": (rounds, lambda here, progress: logouts(here, rounds, progress)),
    }


@contextmanager
def database() -> Iterator[str]:
    """An empty database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with Cluster(Path(folder)) as cluster:
                with psycopg.connect(cluster.conninfo, autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
                yield make_conninfo(cluster.conninfo, dbname=DATABASE)
        finally:
            shutil.rmtree((Path(folder) / "postgres").resolve(), ignore_errors=True)  # for root it is not in there


def about(conninfo: str) -> dict[str, str]:
    """Machine and versions."""
    with psycopg.connect(conninfo) as connection:
        server = connection.info.server_version
    cpu = Path("/proc/cpuinfo")
    named = [line for line in cpu.read_text().splitlines() if line.startswith("model name")] if cpu.exists() else []
    processor = named[0].partition(":")[2].strip() if named else platform.machine()
    return {
        "machine": f"{processor}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "versions": ", ".join(
            [f"Python {platform.python_version()}", f"PostgreSQL {server // 10_000}.{server % 10_000}"]
            + [f"{name} {version(name)}" for name in PACKAGES]
        ),
    }


def run(arguments: argparse.Namespace, conninfo: str) -> dict[str, Report]:
    """Every part that is wanted, each with projects of its own."""
    reports: dict[str, Report] = {}
    wanted = {k: v for k, v in parts(arguments.rounds, arguments.rate).items() if k in arguments.only}
    filled = {}
    for name, (rounds, _) in wanted.items():
        people = PEOPLE + rounds if name == "logouts" else PEOPLE
        filled[name] = fill(conninfo, people=people, projects=rounds if name == "archivings" else 1, tasks=TASKS)
    with two_nodes(conninfo) as urls, Bar(console=Console(stderr=True)) as bar:
        for name, (rounds, part) in wanted.items():
            task = bar.add_task(name, total=rounds)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                progress: Progress = lambda task=task: bar.advance(task)  # type: ignore[misc]  # noqa: E731
                reports[name] = runner.run(_part(urls, filled[name], arguments.seed, part, progress))
    return reports


async def _part(urls: tuple[str, str], filled: Filled, seed: int, part: Part, progress: Progress) -> Report:
    began = time.monotonic()
    async with campus(urls, filled, seed) as here:
        report = await part(here, progress)
    report.figures["seconds"] = round(time.monotonic() - began)
    return report


def show(reports: dict[str, Report], machine: dict[str, str]) -> None:
    """For people."""
    for name, report in reports.items():
        figures = ", ".join(f"{what}: {figure}" for what, figure in report.figures.items())
        print(f"{name}: {len(report.findings)} findings; {figures}")
        for finding in report.findings[:SHOWN]:
            print(f"  {finding}")
    print("\n".join(machine.values()))


def main() -> int:
    """The command."""
    every = [*parts(1, 1)]
    parser = argparse.ArgumentParser(prog="scripts/storm")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--rate", type=float, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=lambda names: names.split(","), default=every)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.rate <= 0 or not set(arguments.only) <= set(every):
        parser.error(f"at least one round, a rate above 0, and parts are some of: {', '.join(every)}")
    with database() as conninfo:
        machine = about(conninfo)
        reports = run(arguments, conninfo)
    if arguments.json:
        print(msgspec.json.encode({**machine, "seed": arguments.seed, "parts": reports}).decode())
    else:
        show(reports, machine)
    return 1 if any(each.findings for each in reports.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
