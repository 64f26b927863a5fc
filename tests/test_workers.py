"""Several workers behind one address: one order for all, nobody lost with a worker, nobody left behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from collabcampus.live.presence import SILENT_FOR_S
from running import COLLABCAMPUS, Person, Server
from sockets.raw import RawPolling, RawSocket, half_asked
from test_killed import Writers, nothing_lost, texts_in
from test_seven_steps import JS, needs_node

WORKERS = 3
WITHIN_S = 20
SOONER_THAN_SILENCE_S = 0.75 * SILENT_FOR_S
STREAMED = {"task_updated", "new_message", "member_updated", "project_updated"}

pytestmark = pytest.mark.skipif(shutil.which("pgrep") is None, reason="there is no pgrep to find workers with")


@pytest.fixture
def campus(database_url: str) -> Iterator[Server]:
    with Server("--workers", str(WORKERS), "--database-url", database_url) as running:
        yield running


@pytest.fixture(scope="module")
def pair(module_database_url: str) -> Iterator[Server]:
    with Server("--workers", "2", "--database-url", module_database_url) as running:
        yield running


@pytest.fixture
def campus_by(database_url: str, bus_url: str | None) -> Iterator[Server]:
    """Workers that talk by each bus in turn."""
    environ = {"COLLABCAMPUS_BUS": bus_url} if bus_url else {}
    with Server("--workers", str(WORKERS), "--database-url", database_url, **environ) as running:
        yield running


def workers_of(server: Server) -> list[int]:
    """The process ids of the workers."""
    assert server.process
    found = subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True)
    return [int(each) for each in found.stdout.split()]


def lives(process: int) -> bool:
    """Whether a process is there, and no zombie that nobody has buried yet."""
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True).stdout.strip()
    return bool(told) and not told.startswith("Z")


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold in time"
        time.sleep(0.02)


def worker_of(socket: RawSocket) -> str:
    """Which worker has a socket's session."""
    return socket.sid.partition(".")[0]


def joined(url: str, token: str, project_id: str) -> RawSocket:
    """A socket in the project's room."""
    socket = RawSocket(url, token)
    assert socket.ask("join_project", {"projectId": project_id, "position": 0})["ok"]
    assert socket.event()[0] == "project_joined"
    return socket


class Member:
    """A socket in a room that says things, and keeps the position of everything it hears."""

    def __init__(self, url: str, person: Person, project_id: str) -> None:
        self.socket = RawSocket(url, person.token)
        answer = self.socket.ask("join_project", {"projectId": project_id})
        self.positions: list[int] = []
        self.joined_at: int = answer["position"]
        self.acknowledged = 0
        self._project_id = project_id

    def say(self, count: int) -> None:
        """Say so much at once, and hear until all is acknowledged."""
        for number in range(count):
            text = {"projectId": self._project_id, "text": f"{self.socket.sid} {number}"}
            self.socket.send(f"42{number}" + json.dumps(["send_message", text]))
        while self.acknowledged < count:
            self._hear()

    def hear_until(self, head: int) -> None:
        while not self.positions or self.positions[-1] < head:
            self._hear()

    def _hear(self) -> None:
        packet = self.socket.next(WITHIN_S)
        if packet.startswith("43"):
            (answer,) = json.loads(packet[packet.index("[") :])
            assert answer["ok"], answer
            self.acknowledged += 1
        elif packet.startswith("42"):
            name, payload = json.loads(packet[2:])
            if name in STREAMED:
                self.positions.append(payload["position"])


def test_clients_of_every_worker_hear_one_order_while_all_write(campus_by: Server) -> None:
    person = Person(campus_by.url, "Alice")
    project_id = person.project()
    members = [Member(campus_by.url, person, project_id) for _ in range(3 * WORKERS)]
    before = members[0].joined_at
    talking = [threading.Thread(target=each.say, args=(10,)) for each in members]
    for each in talking:
        each.start()
    for each in talking:
        each.join()
    head = person.http.get(f"/api/projects/{project_id}").json()["position"]

    assert head == before + 10 * len(members)
    assert len({worker_of(each.socket) for each in members}) == WORKERS
    for member in members:
        member.hear_until(head)
        assert member.positions == list(range(member.joined_at + 1, head + 1))


def test_connections_are_dealt_in_turn(campus: Server) -> None:
    sockets = [RawSocket(campus.url, None) for _ in range(4 * WORKERS)]

    assert set(Counter(worker_of(each) for each in sockets).values()) == {4}


def test_people_are_there_whichever_worker_they_are_on(campus: Server) -> None:
    alice, bob = Person(campus.url, "Alice"), Person(campus.url, "Bob")
    project_id = alice.project()
    alice.http.post(f"/api/projects/{project_id}/members", json={"userId": bob.user_id, "role": "editor"})
    here = joined(campus.url, alice.token, project_id)
    there = joined(campus.url, bob.token, project_id)
    while worker_of(there) == worker_of(here):
        there.close()
        assert here.event()[0:1] == ("user_joined",)
        assert here.event()[0:1] == ("user_left",)
        there = joined(campus.url, bob.token, project_id)

    name, came = here.event()
    assert (name, came["userId"], sorted(came["online"])) == (
        "user_joined", bob.user_id, sorted([alice.user_id, bob.user_id]),
    )  # fmt: skip
    there.close()
    name, gone = here.event()
    assert (name, gone["userId"], gone["online"]) == ("user_left", bob.user_id, [alice.user_id])


def test_the_first_of_a_room_on_a_worker_finds_everybody_and_a_killed_worker_leaves_no_ghosts(campus: Server) -> None:
    alice, bob = Person(campus.url, "Alice"), Person(campus.url, "Bob")
    project_id = alice.project()
    alice.http.post(f"/api/projects/{project_id}/members", json={"userId": bob.user_id, "role": "editor"})
    before = workers_of(campus)
    hers = joined(campus.url, alice.token, project_id)
    his = next(each for _ in range(WORKERS) if worker_of(each := RawSocket(campus.url, bob.token)) != worker_of(hers))
    his.ask("join_project", {"projectId": project_id})
    name, found = his.event()
    assert (name, sorted(found["online"])) == ("project_joined", sorted([alice.user_id, bob.user_id]))

    os.kill(before[int(worker_of(hers))], signal.SIGKILL)
    name, gone = json.loads(his.next(SOONER_THAN_SILENCE_S)[2:])
    assert (name, gone["userId"], gone["online"]) == ("user_left", alice.user_id, [bob.user_id])


def test_a_worker_killed_amid_writes_loses_nothing_and_comes_back(campus: Server) -> None:
    person = Person(campus.url, "Alice")
    project_id = person.project()
    watching = [joined(campus.url, person.token, project_id) for _ in range(WORKERS)]
    before = workers_of(campus)
    with Writers(person, project_id) as writers:
        writers.until(20)
        os.kill(before[0], signal.SIGKILL)
        writers.until(40)
    eventually(lambda: len(workers_of(campus)) == WORKERS and before[0] not in workers_of(campus))
    (dead,) = [worker_of(each) for each in watching if each.closed_within(0.5)]
    eventually(lambda: worker_of(RawSocket(campus.url, None)) == dead)

    nothing_lost(writers, texts_in(person, project_id))
    told = [json.loads(line) for line in campus.errors.splitlines() if "worker_ended" in line]
    assert [each["status"] for each in told] == [-signal.SIGKILL]


def test_no_connection_is_refused_or_lost_while_no_worker_lives(campus: Server) -> None:
    for process in workers_of(campus):
        os.kill(process, signal.SIGKILL)

    assert httpx.get(f"{campus.url}/health/live", timeout=WITHIN_S).status_code == 200


def test_what_waits_for_a_worker_that_dies_is_answered_all_the_same(campus: Server) -> None:
    host, port = campus.url.removeprefix("http://").split(":")
    hanging = workers_of(campus)[0]
    os.kill(hanging, signal.SIGSTOP)
    waiting = [socket.create_connection((host, int(port)), timeout=WITHIN_S) for _ in range(2 * WORKERS)]
    for each in waiting:
        each.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    os.kill(hanging, signal.SIGKILL)

    for each in waiting:
        assert each.recv(1_000).startswith(b"HTTP/1.1 200 ")
        each.close()


def test_sigterm_drains_all_and_leaves_no_process_behind(campus: Server) -> None:
    sockets = [RawSocket(campus.url, Person(campus.url, "Alice").token) for _ in range(WORKERS)]
    processes = workers_of(campus)

    assert campus.stop() == 0
    assert len(processes) == WORKERS
    assert not any(lives(each) for each in processes)
    assert all(each.closed_within(2) for each in sockets)
    assert campus.errors == ""


def test_a_parent_killed_leaves_no_worker_behind(campus: Server) -> None:
    processes = workers_of(campus)
    campus.kill()

    eventually(lambda: not any(lives(each) for each in processes))


def test_a_request_that_comes_in_pieces_finds_its_session(pair: Server) -> None:
    polling = RawPolling(pair.url, Person(pair.url, "Alice").token)
    host, port = pair.url.removeprefix("http://").split(":")
    for _ in range(4):
        with socket.create_connection((host, int(port)), timeout=WITHIN_S) as connection:
            request = f"POST {polling.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n3"
            for start in range(0, len(request), 9):
                connection.sendall(request[start : start + 9].encode())
                time.sleep(0.001)
            assert connection.recv(1_000).startswith(b"HTTP/1.1 200 ")


def test_who_says_half_a_request_is_closed_by_any_worker(pair: Server) -> None:
    first_line = b"GET /health/live HTTP/1.1\r\n"
    whole = first_line + b"Host: x\r\n\r\n"
    connections = [
        half_asked(pair.url, said, WITHIN_S) for said in (b"", b"GET /", first_line, whole + b"GET /") for _ in "ab"
    ]

    for connection in connections:
        with connection:
            while connection.recv(1_000):
                pass


def test_a_large_body_moves_with_its_connection(pair: Server) -> None:
    polling = RawPolling(pair.url, Person(pair.url, "Alice").token)
    large = "42" + json.dumps(["typing", {"projectId": "x" * 60_000}])
    for _ in range(4):
        assert httpx.post(pair.url + polling.path, content=large).status_code == 200


def test_every_request_of_a_kept_connection_goes_to_its_own_session(pair: Server) -> None:
    token = Person(pair.url, "Alice").token
    sessions = [RawPolling(pair.url, token) for _ in range(4)]
    assert len({each.path.partition("sid=")[2][:2] for each in sessions}) == 2
    with httpx.Client(base_url=pair.url) as kept:
        for each in sessions * 3:
            assert kept.post(each.path, content="3").status_code == 200


@pytest.mark.parametrize("sid", ["1.unknown", "0.unknown", "63.unknown", "nonsense", ".", "99999.x"])
def test_an_unknown_session_is_refused_by_whoever_is_asked(pair: Server, sid: str) -> None:
    for _ in range(3):
        answer = httpx.get(f"{pair.url}/socket.io/", params={"EIO": 4, "transport": "polling", "sid": sid})
        assert answer.status_code == 400


def test_who_types_is_seen_on_every_worker_and_by_nobodys_own_sockets(pair: Server) -> None:
    alice, bob = Person(pair.url, "Alice"), Person(pair.url, "Bob")
    project_id = alice.project()
    alice.http.post(f"/api/projects/{project_id}/members", json={"userId": bob.user_id, "role": "viewer"})
    hers = [joined(pair.url, alice.token, project_id) for _ in range(2)]
    his = [joined(pair.url, bob.token, project_id) for _ in range(2)]
    assert len({worker_of(each) for each in hers}) == len({worker_of(each) for each in his}) == 2

    for (typing, *_), sockets, typist in ((hers, his, alice), (his, hers, bob)):
        for _ in range(20):
            assert typing.ask("typing", {"projectId": project_id})["ok"]
        for each in sockets:
            assert next_typing(each) == {"projectId": project_id, "userId": typist.user_id}
    for each in (*hers, *his):
        each.close()


def next_typing(socket: RawSocket) -> dict[str, str]:
    """The next of its kind; people come and go meanwhile."""
    while (found := socket.event())[0] != "typing":
        assert found[0] in {"user_joined", "user_left"}
    return dict(found[1])


@needs_node
@pytest.mark.parametrize("transport", ["websocket", "polling", "polling+websocket"])
def test_the_seven_steps_work_five_times_over_two_workers(pair: Server, transport: str) -> None:
    for _ in range(5):
        done = subprocess.run(
            ["node", str(JS / "seven_steps.mjs"), pair.url, transport], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
    assert pair.errors == ""


@pytest.mark.parametrize("workers", ["0", "65", "two"])
def test_a_number_of_workers_out_of_bounds_is_misuse(workers: str) -> None:
    done = subprocess.run([str(COLLABCAMPUS), "serve", "--workers", workers], capture_output=True, timeout=60)

    assert done.returncode == 2


def test_a_weak_secret_is_refused_in_words_before_any_worker(
    module_database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLLABCAMPUS_SECRET", "short")
    command = [str(COLLABCAMPUS), "serve", "--workers", "2", "--port", "0", "--database-url", module_database_url]
    failed = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)

    assert (failed.returncode, "32 bytes" in failed.stderr, "Traceback" in failed.stderr) == (2, True, False)


def test_no_secret_is_on_a_command_line(database_url: str) -> None:
    with Server("--workers", "2", COLLABCAMPUS_SECRET="s" * 40, DATABASE_URL=database_url) as server:
        for process in workers_of(server):
            shown = subprocess.run(["ps", "-o", "args=", "-p", str(process)], capture_output=True, text=True).stdout
            assert "collabcampus.worker" in shown
            assert "s" * 40 not in shown
            assert "dbname" not in shown
