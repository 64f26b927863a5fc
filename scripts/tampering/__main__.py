"""Attack random histories and see what the audit finds; `scripts/tamper --help` says how."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psycopg
import uvloop
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.progress import Progress as Bar

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from collabcampus.embedded import Cluster
from collabcampus.log.database import Database
from collabcampus.log.migrate import migrate
from log.tampering import Round, attacked

A_ROUND = 500
TEMPLATE = "untouched"
SHOWN = 20


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A server with an empty database to copy."""
    try:
        with Cluster(folder) as cluster:
            with psycopg.connect(cluster.conninfo, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {TEMPLATE}")
            asyncio.run(migrate(make_conninfo(cluster.conninfo, dbname=TEMPLATE)))
            yield cluster.conninfo
    finally:
        shutil.rmtree((folder / "postgres").resolve(), ignore_errors=True)  # for root it is not in there


@contextmanager
def copied(conninfo: str, name: str) -> Iterator[str]:
    """A copy of it, for one round."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        made = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(made, sql.Identifier(TEMPLATE)))
        yield make_conninfo(conninfo, dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(made))


async def one(conninfo: str, folder: Path, number: int, seed: int) -> Round:
    """One round."""
    database = Database(conninfo)
    await database.open()
    try:
        return await attacked(database, folder, number, seed)
    finally:
        await database.close()


def rounds(histories: int, seed: int, conninfo: str, folder: Path) -> Round:
    """All of them."""
    whole = Round()
    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task("histories", total=histories)
        while whole.histories < histories:
            nth, number = whole.histories // A_ROUND, min(A_ROUND, histories - whole.histories)
            name = f"round_{nth}"
            with copied(conninfo, name) as url, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                # Rounds of neighbouring seeds have nothing in common.
                whole.add(runner.run(one(url, folder / name, number, seed * 1_000_000 + nth)))
            bar.advance(task, number)
    return whole


def show(whole: Round, seconds: float) -> None:
    """For people."""
    print(f"{'attack':60} {'planted':>8} {'by itself':>10} {'in all':>8}")
    for name, tried in whole.kinds.items():
        print(f"{name:60} {tried.planted:8} {tried.by_itself:10} {tried.found:8}")
    planted, found = (sum(getattr(each, of) for each in whole.kinds.values()) for of in ("planted", "found"))
    print(f"\n{whole.histories} histories of {whole.events} events; {planted} attacks, {found} found;")
    print(f"{whole.left_alone} left alone; {len(whole.wrong)} wrong; {seconds:.0f} s")
    print("\n".join(whole.wrong[:SHOWN]))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="scripts/tamper")
    parser.add_argument("--histories", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.histories < 1 or arguments.seed < 0:
        parser.error("at least one history, and a seed from 0")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as conninfo:
        whole = rounds(arguments.histories, arguments.seed, conninfo, Path(folder))
    whole.kinds = dict(sorted(whole.kinds.items()))
    if arguments.json:
        print(msgspec.json.encode(whole).decode())
    else:
        show(whole, time.monotonic() - began)
    return 1 if whole.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
