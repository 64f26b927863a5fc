"""Erasure beside a running server, as docs/erasure.md shows it: over HTTP and sockets the words are gone."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import typer

from collabcampus.redact_cli import redact_command
from running import COLLABCAMPUS, Person, Server
from sockets.raw import RawSocket
from test_cli import run
from test_documents import blocks

SECRET = "my sister is ill, and nobody is to know"
(SHOWN,) = blocks("docs/erasure.md", "sh")
REDACT, REDACT_PERSON, AUDIT, PURGE = SHOWN.splitlines()


def until(socket: RawSocket, name: str) -> dict[str, Any]:
    """The next event of this name."""
    while (event := socket.event())[0] != name:
        pass
    return dict(event[1])


def test_erasure_works_as_it_is_shown(server: Server, module_database_url: str, tmp_path: Path) -> None:
    ann = Person(server.url, "Ann")
    project_id = ann.project()
    path = f"/api/projects/{project_id}"
    task_id = ann.task(project_id, description=SECRET)
    assert ann.http.post(f"{path}/messages", json={"text": SECRET}).status_code == 201
    read = ann.http.get(f"{path}/board")
    socket = RawSocket(server.url, token=ann.token)
    position = socket.ask("join_project", {"projectId": project_id})["position"]
    assert SECRET in json.dumps(until(socket, "project_joined"))

    def shown(line: str) -> str:
        done = subprocess.run(
            ["sh", "-eu", "-c", line.replace("ann@example.org", ann.email)],
            capture_output=True, text=True, timeout=60, cwd=tmp_path,
            env={**os.environ, "DATABASE_URL": module_database_url, "PROJECT": project_id,
                 "PATH": f"{COLLABCAMPUS.parent}{os.pathsep}{os.environ['PATH']}"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert shown(REDACT) == f"1 events redacted\nsaid elsewhere: {project_id} 4\n"
    assert until(socket, "resync") == {"projectId": project_id, "position": position}
    assert socket.ask("join_project", {"projectId": project_id, "position": position})["ok"]
    joined = json.dumps(until(socket, "project_joined")["board"])
    assert ("[redacted]" in joined, SECRET in joined) == (True, False)
    again = ann.http.get(f"{path}/board", headers={"If-None-Match": read.headers["etag"]})
    assert (again.status_code, SECRET in again.text) == (200, False)
    assert ann.http.get(f"/api/tasks/{task_id}").json()["description"] == "[redacted]"

    assert shown(REDACT_PERSON) == "1 events redacted\n"
    assert "[redacted]" in ann.http.get(f"{path}/messages").text
    for route in (f"{path}/board", f"{path}/messages", f"{path}/events", f"{path}/activity", "/api/search?q=sister"):
        answer = ann.http.get(route)
        assert (answer.status_code, "sister is ill" in answer.text) == (200, False), route
    assert shown(AUDIT) == "it holds\n2 events redacted\n"

    assert ann.http.delete(path).is_success
    assert shown(PURGE) == "5 events purged; the receipt is in receipt.json\n"
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    assert (receipt["projectId"], receipt["position"], receipt["redacted"]) == (project_id, 5, 2)
    for route in (f"{path}/board", path, f"{path}/events", f"/api/tasks/{task_id}"):
        assert ann.http.get(route).status_code == 404, route
    assert project_id not in ann.http.get("/api/projects?archived=true").text
    assert not socket.ask("join_project", {"projectId": project_id})["ok"]
    socket.close()
    assert server.errors == ""


def test_what_cannot_be_redacted_is_said(server: Server, module_database_url: str) -> None:
    project_id = Person(server.url, "Ann").project()
    on = ("--reason", "asked", "--database-url", module_database_url)

    misuse = run("redact", project_id, *on)
    refused = run("redact", project_id, 2, *on)

    assert (misuse.returncode, "expected" in misuse.stderr) == (2, True)
    assert (refused.returncode, "MemberAdded, which says nothing" in refused.stderr) == (1, True), refused.stderr


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_reason_is_kept_for_good_and_so_there_is_one(reason: str, tmp_path: Path) -> None:
    with pytest.raises(typer.Exit) as refused:
        redact_command(UUID(int=1), [1], reason=reason, data=tmp_path)

    assert refused.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []
