"""Restarts in an orderly way: worker by worker, with nothing lost, and clients that come back spread out."""

import json
import shutil
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from running import Person, Server
from sockets.raw import RawPolling, RawSocket
from test_killed import Writers
from test_workers import STREAMED, eventually, workers_of

RESTARTING = 1012
WRITTEN = 20
PAUSE_S = 0.02

needs_pgrep = pytest.mark.skipif(shutil.which("pgrep") is None, reason="there is no pgrep to find workers with")


@pytest.fixture(scope="module")
def pair(module_database_url: str) -> Iterator[Server]:
    with Server("--workers", "2", "--database-url", module_database_url) as running:
        yield running


class Typist:
    """Writes messages over a socket without pause, and keeps the position of everything it hears of the room.

    When it is closed it comes back, resumes, and says again what had no answer, under the same commandId.
    """

    def __init__(self, url: str, person: Person, project_id: str) -> None:
        self.acknowledged: list[str] = []
        self.heard: list[int] = []
        self.codes: list[int] = []
        """How its connections were closed."""
        self._url, self._person, self._project_id = url, person, project_id
        self._said: dict[str, str] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live)

    def __enter__(self) -> "Typist":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _live(self) -> None:
        while not self._stop.is_set():
            try:
                socket = RawSocket(self._url, self._person.token)
            except (InvalidStatus, ConnectionClosed, OSError):  # a worker that leaves takes nobody
                time.sleep(PAUSE_S)
                continue
            try:
                self._write(socket)
            except ConnectionClosed as closed:
                self.codes.append(closed.rcvd.code if closed.rcvd else 0)
            socket.close()

    def _write(self, socket: RawSocket) -> None:
        position = self.heard[-1] if self.heard else 0
        assert self._ask(socket, "join_project", {"position": position})["ok"]
        while not self._stop.is_set():
            self._said = self._said or {"text": str(uuid.uuid4()), "commandId": str(uuid.uuid4())}
            answer = self._ask(socket, "send_message", self._said)
            assert answer["ok"], answer
            self.acknowledged.append(self._said["text"])
            self._said = None
            time.sleep(PAUSE_S)
        head = self._ask(socket, "join_project", {"position": self.heard[-1]})["position"]
        while self.heard[-1] < head:
            self._hear(socket.next())

    def _ask(self, socket: RawSocket, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        socket.send("421" + json.dumps([event, {"projectId": self._project_id, **payload}]))
        while not (packet := socket.next()).startswith("431"):
            self._hear(packet)
        answer: dict[str, Any] = json.loads(packet[3:])[0]
        return answer

    def _hear(self, packet: str) -> None:
        if packet.startswith("42"):
            name, payload = json.loads(packet[2:])[:2]
            if name == "project_joined":
                self.heard += [each["position"] for each in payload["events"]]
            elif name in STREAMED:
                self.heard.append(payload["position"])


def everything_said(person: Person, project_id: str) -> list[str]:
    """All messages of the log, after checking that it has no hole."""
    lines = person.http.get(f"/api/projects/{project_id}/events", headers={"accept": "application/x-ndjson"}).text
    events = [json.loads(line) for line in lines.splitlines()]
    assert [each["position"] for each in events] == list(range(1, len(events) + 1))
    return [each["data"]["text"] for each in events if each["type"] == "MessageSent"]


def more_than(count: int, *typists: Typist) -> None:
    goals = [len(each.acknowledged) + count for each in typists]
    eventually(lambda: all(len(each.acknowledged) >= goal for each, goal in zip(typists, goals, strict=True)))


def restarted(server: Server, signal_number: int) -> None:
    """Send the parent a signal, and wait until every worker is another."""
    before = set(workers_of(server))
    assert server.process
    server.process.send_signal(signal_number)
    eventually(lambda: len(now := set(workers_of(server))) == len(before) and not now & before)


class Visitor:
    """Asks without pause whether the server is ready."""

    def __init__(self, url: str) -> None:
        self.statuses: set[int] = set()
        self._url, self._stop = f"{url}/health/ready", threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Visitor":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            self.statuses.add(httpx.get(self._url, timeout=20).status_code)
            time.sleep(PAUSE_S)


@needs_pgrep
def test_workers_renewed_one_by_one_lose_and_double_nothing_of_who_writes_through_it(pair: Server) -> None:
    person = Person(pair.url, "Alice")
    project_id = person.project()
    typists = [Typist(pair.url, person, project_id) for _ in range(3)]
    with Visitor(pair.url) as visitor, Writers(person, project_id) as writers, typists[0], typists[1], typists[2]:
        more_than(WRITTEN, *typists)
        restarted(pair, signal.SIGHUP)
        more_than(WRITTEN, *typists)
        writers.until(WRITTEN)
    found = everything_said(person, project_id)
    typed = {text for each in typists for text in each.acknowledged}

    assert len(found) == len(set(found))
    assert set(writers.acknowledged) | typed <= set(found) <= writers.sent | typed
    for each in typists:
        assert each.heard == list(range(1, each.heard[-1] + 1)), "a gap, a double or a swap"
    assert {code for each in typists for code in each.codes} == {RESTARTING}
    assert visitor.statuses == {200}, "the address is there all the time, and somebody is ready"
    assert pair.errors == ""


CROWD = 120
"""So many sockets that closing them, 200 a second, leaves time to look."""


def test_a_node_that_stops_is_not_ready_takes_no_session_and_sends_everybody_to_come_back(database_url: str) -> None:
    with Server("--database-url", database_url) as server:
        person = Person(server.url, "Alice")
        crowd = [RawSocket(server.url, None) for _ in range(CROWD)]
        polling = RawPolling(server.url, person.token)
        assert server.process
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: httpx.get(f"{server.url}/health/ready").status_code == 503)
        refused = httpx.get(f"{server.url}/socket.io/", params={"EIO": 4, "transport": "polling"})
        with pytest.raises(InvalidStatus) as by_websocket:
            RawSocket(server.url, person.token)

        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        assert refused.headers["connection"] == "close"
        assert by_websocket.value.response.status_code == 503
        assert polling.get().text.split("\x1e")[-1] == "1", (
            "closed by the server, which a client takes for a lost transport"
        )
        assert {until_closed(each)[1] for each in crowd} == {RESTARTING}
        assert server.process.wait(20) == 0
        assert server.errors == ""


def until_closed(socket: RawSocket) -> tuple[list[str], int]:
    """All packets up to the end, and the code of the close frame."""
    packets: list[str] = []
    try:
        while True:
            packets.append(socket.next(20))
    except ConnectionClosed as closed:
        return packets, closed.rcvd.code if closed.rcvd else 0


def test_what_was_asked_before_is_answered_before_the_connection_closes(database_url: str) -> None:
    asked = 200
    with Server("--database-url", database_url) as server:
        person = Person(server.url, "Alice")
        project_id = person.project()
        socket = RawSocket(server.url, person.token)
        for number in range(asked):
            socket.send(f"42{number}" + json.dumps(["send_message", {"projectId": project_id, "text": str(number)}]))
        assert socket.next().startswith("430[")
        assert server.process
        server.process.send_signal(signal.SIGTERM)
        packets, code = until_closed(socket)
        assert code == RESTARTING
        assert server.stop() == 0
    with psycopg.connect(database_url) as connection:
        kept = connection.execute("SELECT count(*) FROM events WHERE type = 'MessageSent'").fetchone()
    assert kept == (1 + sum('"ok":true' in each for each in packets),)
