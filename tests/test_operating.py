"""An operator's address: one truthful scrape of a node, however many workers it has, and nothing of anybody in it."""

import json
import os
import shutil
import signal
import socket as socket_module
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from collabcampus.log.migrate import ADVISORY_LOCK as MIGRATION_LOCK
from collabcampus.operating import MIGRATING, operated
from collabcampus.settings import Settings
from running import Person, Server
from sockets.raw import RawSocket

WITHIN_S = 20
TASKS = 6


class Operator:
    """Who looks at a node's own address."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ready(self) -> tuple[int, dict[str, str]]:
        answer = httpx.get(f"{self.url}/ready")
        return answer.status_code, answer.json()

    def metrics(self) -> str:
        answer = httpx.get(f"{self.url}/metrics")
        assert answer.status_code == 200
        return answer.text

    def values(self, name: str) -> dict[str, float]:
        """The values of a series by worker, added up over all other labels."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(self.metrics()):
            for sample in family.samples:
                if sample.name == name:
                    worker = sample.labels["worker"]
                    found[worker] = found.get(worker, 0.0) + sample.value
        return found


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold in time"
        time.sleep(0.05)


def operator_of(server: Server) -> Operator:
    """The address that a server says it has for operators, as soon as it does."""
    eventually(lambda: '"metrics_ready"' in server.errors)
    line = next(each for each in server.errors.splitlines() if '"metrics_ready"' in each)
    return Operator(json.loads(line)["port"])


@pytest.fixture
def pair(database_url: str) -> Iterator[Server]:
    with Server("--workers", "2", "--database-url", database_url, COLLABCAMPUS_METRICS_PORT="0") as running:
        yield running


@pytest.mark.skipif(shutil.which("pgrep") is None, reason="there is no pgrep to find workers with")
def test_one_scrape_tells_of_all_workers_and_of_nobody(pair: Server) -> None:
    operator, alice = operator_of(pair), Person(pair.url, "Alice")
    garden = alice.project()
    socket = RawSocket(pair.url, alice.token)
    assert socket.ask("join_project", {"projectId": garden})["ok"]
    alice.http.headers["connection"] = "close"  # so that both workers get some
    for number in range(TASKS):
        alice.task(garden, f"Bed {number}")

    assert operator.ready() == (200, {"status": "ready"})
    commands = operator.values("collabcampus_command_seconds_count")
    assert commands.keys() == {"0", "1"}
    assert all(commands.values())
    assert sum(commands.values()) == 1 + TASKS
    assert sum(operator.values("collabcampus_commit_batch_commands_sum").values()) == 1 + TASKS
    eventually(lambda: sum(operator.values("collabcampus_events_delivered_total").values()) == TASKS)
    assert sum(operator.values("collabcampus_delivery_lag_seconds_count").values()) > 0
    assert sum(operator.values("collabcampus_sockets").values()) == 1
    assert sum(operator.values("collabcampus_rooms").values()) == 1
    assert not [each for each in (alice.user_id, alice.email, garden, socket.sid) if each in operator.metrics()]
    assert httpx.get(f"{pair.url}/metrics").status_code == 404

    began = operator.values("process_start_time_seconds")
    assert pair.process
    found = subprocess.run(["pgrep", "-P", str(pair.process.pid)], capture_output=True, text=True)
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
    eventually(lambda: sorted(operator.values("collabcampus_worker_up").values()) == [0.0, 1.0])
    assert operator.ready()[0] == 200, "the other one serves"
    eventually(lambda: set(operator.values("collabcampus_ready").values()) == {1.0} and len(began) == 2)
    eventually(lambda: operator.values("process_start_time_seconds").keys() == began.keys())
    (renewed,) = [each for each, at in operator.values("process_start_time_seconds").items() if at != began[each]]
    (stayed,) = commands.keys() - {renewed}
    now = operator.values("collabcampus_command_seconds_count")
    assert (now[renewed], now[stayed]) == (0.0, commands[stayed])


def test_while_the_database_is_migrated_the_node_lives_and_is_not_ready(database_url: str) -> None:
    server = Server("--database-url", database_url, COLLABCAMPUS_METRICS_PORT="0")
    with psycopg.connect(database_url, autocommit=True) as another:
        another.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        starting = threading.Thread(target=server.start)
        starting.start()
        try:
            operator = operator_of(server)
            eventually(lambda: operator.ready() == (503, {"status": "not ready", "reason": MIGRATING}))
            assert httpx.get(f"{operator.url}/live").json() == {"status": "live"}
        finally:
            another.execute("SELECT pg_advisory_unlock(%s)", (MIGRATION_LOCK,))
            starting.join()
    eventually(lambda: operator.ready() == (200, {"status": "ready"}))
    assert server.stop() == 0


async def test_an_address_that_is_taken_is_said_before_anything_begins(anyio_backend: object) -> None:
    with socket_module.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {port}"):
            async with operated(Settings(metrics_port=port)):
                pass
