"""The benchmark's attackers do to a server what they say, and the generator times each delivery."""

import json
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from running import Person, Server

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts" / "benchmarks"))

import attacks
import hostile
import load
import machine

ATTACKS = Path(attacks.__file__)
SOURCE = "127.0.0.99"
ATTACK_S = 0.3
CLIENTS, WINDOWS, RATE = 3, 2, 40
COUNTED = {
    "stalled": "opened", "silent": "opened", "events-1": "bytes", "pongs": "bytes", "namespaces": "bytes",
    "connects": "done", "tokens": "tokens", "huge": "closed", "upgrades": "done", "unknown": "polls",
}  # fmt: skip
HOLDING = ("stalled", "silent", "upgrades")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="connections are counted in /proc/net")


@pytest.fixture(scope="module")
def server(module_database_url: str) -> Iterator[Server]:
    with Server("--database-url", module_database_url) as running:
        yield running


def data_of(server: Server) -> load.Data:
    """A project that nobody has touched, with a task for each client."""
    person = Person(server.url, str(uuid.uuid4()))
    project = person.project()
    path = f"/api/projects/{project}/tasks"
    tasks = [person.http.post(path, json={"title": "Move me"}).json()["taskId"] for _ in range(CLIENTS)]
    return load.Data([person.token], [{"projectId": project, "taskIds": tasks}])


@pytest.fixture(scope="module")
def told(server: Server) -> str:
    data = data_of(server)
    port, own = urlsplit(server.url).port, data.projects[0]
    return json.dumps({
        "port": port, "source": SOURCE, "tokens": data.tokens, "project": own["projectId"],
        "tasks": own["taskIds"], "room": own["projectId"], "insiders": data.tokens,
    })  # fmt: skip


@pytest.mark.parametrize("name", COUNTED)
def test_an_attack_does_what_it_says_and_the_server_lets_go_of_it(server: Server, told: str, name: str) -> None:
    port = json.loads(told)["port"]
    command = [sys.executable, str(ATTACKS), name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as attacker:
        assert attacker.stdin
        assert attacker.stdout
        attacker.stdin.write(told + "\n")
        attacker.stdin.flush()
        assert json.loads(attacker.stdout.readline()) == {"phase": "attacking"}
        time.sleep(ATTACK_S)
        held = machine.connections(port, SOURCE)
        counted = json.loads(attacker.communicate("stop\n")[0])

    assert counted["phase"] == "ended"
    assert counted.get(COUNTED[name], 0) > 0, counted
    assert held > 0 or name not in HOLDING
    deadline = time.monotonic() + 10
    while machine.connections(port, SOURCE) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert machine.connections(port, SOURCE) == 0


@pytest.mark.skipif(shutil.which("cc") is None, reason="the generator is in C")
def test_the_generator_times_each_move_once_for_its_sender_and_once_for_each_who_hears(
    server: Server, tmp_path: Path
) -> None:
    assert server.process
    load.build(tmp_path)
    told = {"rate": RATE, "windows": WINDOWS, "seconds": 1, "warm": 0.2}
    shape = load.Shape(CLIENTS, settings=tuple(told.items()))
    run = load.Run(tmp_path / "load", shape, data_of(server), {"server": server.process.pid})

    result = run.against(urlsplit(server.url).port or 0, {"positions": 1, "join": 1}, lambda: None)

    assert load.flaws(result) == []
    assert len(result["windows"]) == WINDOWS
    for each in result["windows"]:
        assert RATE / WINDOWS / 2 < each["ack"]["count"] < RATE
        assert each["heard"]["count"] == CLIENTS * each["ack"]["count"]
        assert 0 < each["heard"]["p50"] <= each["heard"]["p99"] <= each["heard"]["max"]


def test_an_attack_does_harm_where_the_control_does_less() -> None:
    def felt(p99: float) -> list[dict[str, Any]]:
        times = {"p50": 0.5, "p99": p99}
        return [{"windows": [{"ack": times, "heard": times}], "cpuShares": {}, "filesBefore": 9, "filesAfter": 9}]

    table = hostile.table({"alone": felt(1.0), "burning": felt(2.0), "pongs": felt(2.5), "huge": felt(4.0)})

    verdicts = {row.split()[0]: row.split()[6:8] for row in table.splitlines()[3:]}
    assert verdicts == {"pongs": ["1.25", "yes"], "huge": ["2.00", "no"]}
