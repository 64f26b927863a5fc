"""`collabcampus redact` beside a running server: boards over HTTP and sockets show the marker."""

import json

from running import Person, Server
from sockets.raw import RawSocket
from test_cli import run

SECRET = "my sister is ill, and nobody is to know"


def until(socket: RawSocket, name: str) -> dict[str, object]:
    """The next event of this name."""
    while (event := socket.event())[0] != name:
        pass
    return dict(event[1])


def test_the_board_shows_the_marker_and_who_is_in_the_room_is_told_to_join_again(
    server: Server, module_database_url: str
) -> None:
    ann = Person(server.url, "Ann")
    project_id = ann.project()
    task_id = ann.task(project_id, description=SECRET)
    ann.http.post(f"/api/projects/{project_id}/messages", json={"text": SECRET})
    board = f"/api/projects/{project_id}/board"
    read = ann.http.get(board)
    socket = RawSocket(server.url, token=ann.token)
    position = socket.ask("join_project", {"projectId": project_id})["position"]
    assert SECRET in json.dumps(until(socket, "project_joined"))

    done = run("redact", project_id, 3, "--reason", "asked", "--json", "--database-url", module_database_url)

    assert (done.returncode, json.loads(done.stdout)) == (
        0,
        {
            "redacted": [{"projectId": project_id, "position": 3}],
            "elsewhere": [{"projectId": project_id, "position": 4}],
        },
    ), done.stderr
    assert until(socket, "resync") == {"projectId": project_id, "position": position}
    assert socket.ask("join_project", {"projectId": project_id, "position": position})["ok"]
    joined = until(socket, "project_joined")
    assert "[redacted]" in json.dumps(joined["board"])
    assert SECRET not in json.dumps(joined["board"])
    again = ann.http.get(board, headers={"If-None-Match": read.headers["etag"]})
    assert (again.status_code, SECRET in again.text) == (200, False)
    assert ann.http.get(f"/api/tasks/{task_id}").json()["description"] == "[redacted]"

    rest = run("redact", "--person", ann.email, "--reason", "asked", "--database-url", module_database_url)
    assert (rest.returncode, rest.stdout) == (0, "1 events redacted\n")
    for path in ("board", "messages", "events", "activity", f"search?q={SECRET.split()[1]}"):
        answer = ann.http.get(f"/api/projects/{project_id}/{path}")
        assert "nobody is to know" not in answer.text, path
    audited = run("audit", "--database-url", module_database_url)
    assert (audited.returncode, audited.stdout) == (0, "it holds\n2 events redacted\n")
    socket.close()


def test_what_cannot_be_redacted_is_said(server: Server, module_database_url: str) -> None:
    ann = Person(server.url, "Ann")
    project_id = ann.project()
    on = ("--reason", "asked", "--database-url", module_database_url)

    misuse = run("redact", project_id, *on)
    refused = run("redact", project_id, 2, *on)

    assert (misuse.returncode, "expected" in misuse.stderr) == (2, True)
    assert (refused.returncode, "MemberAdded, which says nothing" in refused.stderr) == (1, True), refused.stderr
