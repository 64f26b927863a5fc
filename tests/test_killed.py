"""kill -9 of the server and of its PostgreSQL amid writes: everything acknowledged is there afterwards."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from conftest import remove_cluster
from running import Person, Server

ACKNOWLEDGED = 40
GIVE_UP_S = 30


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    remove_cluster(folder)


class Writers:
    """Four clients that send messages without pause; each message says whether it was acknowledged."""

    def __init__(self, person: Person, project_id: str) -> None:
        self.acknowledged: list[str] = []
        self.sent: set[str] = set()
        self._person, self._url = person, f"/api/projects/{project_id}/messages"
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(4)]

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def until(self, count: int) -> None:
        """Wait until so many more were acknowledged."""
        goal, deadline = len(self.acknowledged) + count, time.monotonic() + GIVE_UP_S
        while len(self.acknowledged) < goal:
            assert time.monotonic() < deadline, f"only {len(self.acknowledged)} of {goal} acknowledged in time"
            time.sleep(0.01)

    def _write(self, writer: int) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            text = f"{writer}-{number}"
            self.sent.add(text)
            try:
                answer = self._person.http.post(self._url, json={"text": text})
            except httpx.HTTPError:
                time.sleep(0.02)
                continue
            assert answer.status_code in {201, 503}, answer.text
            if answer.status_code == 201:
                self.acknowledged.append(text)


def texts_in(person: Person, project_id: str) -> list[str]:
    """All messages of the log, oldest first, after checking that it has no hole."""
    answer = person.http.get(f"/api/projects/{project_id}/events", params={"limit": 1_000})
    events = answer.json()["items"]
    assert [each["position"] for each in events] == list(range(1, len(events) + 1))
    return [each["data"]["text"] for each in events if each["type"] == "MessageSent"]


def postmaster_of(data: Path) -> int:
    """The process id of the server's PostgreSQL."""
    return int(next((data / "postgres").glob("*/postmaster.pid")).read_text().split()[0])


def nothing_lost(writers: Writers, found: list[str]) -> None:
    """Acknowledged means in the log, once; and nothing is there that nobody sent."""
    assert len(found) == len(set(found))
    assert set(writers.acknowledged) <= set(found) <= writers.sent


def test_the_server_is_killed_while_it_writes(data: Path) -> None:
    server = Server("--data", str(data)).start()
    person = Person(server.url, "Alice")
    project_id = person.project()
    with Writers(person, project_id) as writers:
        writers.until(ACKNOWLEDGED)
        server.kill()

    with Server("--data", str(data)) as again:
        person.http.base_url = again.url
        nothing_lost(writers, texts_in(person, project_id))
    assert not list((data / "postgres").glob("*/postmaster.pid")), "the last one out stops PostgreSQL"


def test_postgres_is_killed_and_comes_back_under_the_running_server(data: Path) -> None:
    with Server("--data", str(data)) as server:
        person = Person(server.url, "Alice")
        project_id = person.project()
        with Writers(person, project_id) as writers:
            for _ in range(2):
                writers.until(ACKNOWLEDGED)
                os.kill(postmaster_of(data), signal.SIGKILL)
            writers.until(ACKNOWLEDGED)

        nothing_lost(writers, texts_in(person, project_id))
        assert "postgres_was_dead_and_started_again" in server.errors


def test_both_are_killed_at_once(data: Path) -> None:
    server = Server("--data", str(data)).start()
    person = Person(server.url, "Alice")
    project_id = person.project()
    with Writers(person, project_id) as writers:
        writers.until(ACKNOWLEDGED)
        postmaster = postmaster_of(data)
        server.kill()
        os.kill(postmaster, signal.SIGKILL)

    with Server("--data", str(data)) as again:
        person.http.base_url = again.url
        nothing_lost(writers, texts_in(person, project_id))


def test_two_servers_share_one_data_folder(data: Path) -> None:
    with Server("--data", str(data)) as first, Server("--data", str(data)) as second:
        person = Person(first.url, "Alice")
        project_id = person.project()
        person.http.base_url = second.url
        assert person.http.get(f"/api/projects/{project_id}").json()["name"] == "Garden"
        assert first.stop() == 0
        assert person.task(project_id), "PostgreSQL goes on for the second"
