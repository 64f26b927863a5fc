"""Joining, resuming, leaving, being removed: what a socket hears is the log, in order, each event once."""

import json
import threading
import uuid
from typing import Any

import pytest

from running import Person, Server
from sockets.raw import RawSocket

STREAMED = {"task_updated", "new_message", "member_updated", "project_updated"}


@pytest.fixture(scope="module")
def alice(server: Server) -> Person:
    return Person(server.url, "Alice")


@pytest.fixture(scope="module")
def bob(server: Server) -> Person:
    return Person(server.url, "Bob")


def shared(alice: Person, bob: Person, role: str = "editor") -> str:
    """A project of both."""
    project_id = alice.project()
    added = alice.http.post(f"/api/projects/{project_id}/members", json={"userId": bob.user_id, "role": role})
    assert added.status_code == 201
    return project_id


def join(socket: RawSocket, project_id: str, **more: Any) -> dict[str, Any]:
    """`project_joined`, after its acknowledgement."""
    answer = socket.ask("join_project", {"projectId": project_id, **more})
    assert answer["ok"], answer
    name, joined = socket.event()
    assert name == "project_joined"
    assert joined["position"] == answer["position"]
    return dict(joined)


def frames(socket: RawSocket, up_to: int) -> list[tuple[str, dict[str, Any]]]:
    """The frames of events up to a position."""
    heard: list[tuple[str, dict[str, Any]]] = []
    while not heard or heard[-1][1]["position"] < up_to:
        name, payload = socket.event()
        if name in STREAMED:
            heard.append((name, payload))
    return heard


def test_a_join_says_who_is_there_what_is_on_the_board_and_what_was_said(
    server: Server, alice: Person, bob: Person
) -> None:
    project_id = shared(alice, bob)
    task_id = alice.task(project_id)
    alice.http.post(f"/api/projects/{project_id}/messages", json={"text": "Hello"})
    first, second = RawSocket(server.url, alice.token), RawSocket(server.url, bob.token)

    mine = join(first, project_id)
    theirs = join(second, project_id)

    assert [each["name"] for each in mine["members"]] == ["Alice", "Bob"]
    assert [each["taskId"] for each in mine["board"]["tasks"]] == [task_id]
    assert [each["text"] for each in mine["messages"]] == ["Hello"]
    assert (mine["online"], theirs["online"]) == ([alice.user_id], [alice.user_id, bob.user_id])
    assert mine["board"] == alice.http.get(f"/api/projects/{project_id}/board").json()
    news = {"projectId": project_id, "userId": bob.user_id, "name": "Bob", "online": theirs["online"]}
    assert first.event() == ("user_joined", news)
    second.close()
    assert first.event() == ("user_left", {**news, "online": [alice.user_id]})
    first.close()


def test_every_event_is_exactly_one_frame_under_its_name(server: Server, alice: Person, bob: Person) -> None:
    project_id = alice.project()
    socket = RawSocket(server.url, alice.token)
    position = join(socket, project_id)["position"]
    command_id = str(uuid.uuid4())

    task_id = socket.ask("create_task", {"projectId": project_id, "title": "Dig", "commandId": command_id})["taskId"]
    alice.http.patch(f"/api/tasks/{task_id}", json={"title": "Dig deep", "status": "done"})
    alice.http.post(f"/api/projects/{project_id}/members", json={"userId": bob.user_id, "role": "viewer"})
    alice.http.patch(f"/api/projects/{project_id}", json={"name": "Park"})
    alice.http.post(f"/api/projects/{project_id}/messages", json={"text": "Hello"})
    alice.http.delete(f"/api/tasks/{task_id}")
    # The acknowledgement's turn has skipped the creation's own frame: resuming brings every one of them.
    resumed = join(socket, project_id, position=position)["events"]

    assert [(each["event"], each["type"], each["position"] - position) for each in resumed] == [
        ("task_updated", "TaskCreated", 1),
        ("task_updated", "TaskEdited", 2),
        ("task_updated", "TaskMoved", 3),
        ("member_updated", "MemberAdded", 4),
        ("project_updated", "ProjectEdited", 5),
        ("new_message", "MessageSent", 6),
        ("task_updated", "TaskDeleted", 7),
    ]
    created, edited, moved, added, renamed, said, _ = resumed
    assert created["commandId"] == command_id
    assert (created["newStatus"], moved["newStatus"], "newStatus" in edited) == ("todo", "done", False)
    assert edited["changes"] == {"taskId": task_id, "title": "Dig deep"}
    assert (added["userId"], added["changes"]["role"]) == (bob.user_id, "viewer")
    assert renamed["changes"]["name"] == "Park"
    assert (said["text"], said["author"], "at" in said) == ("Hello", alice.user_id, True)
    socket.close()


@pytest.mark.parametrize("resume", [False, True])
def test_a_join_in_a_storm_of_writes_has_no_seam(server: Server, alice: Person, resume: bool) -> None:
    project_id = alice.project()
    storm = RawSocket(server.url, alice.token)
    going = threading.Event()
    going.set()

    def write() -> None:
        number = 0
        while going.is_set():
            number += 1
            storm.send(f"42{number}" + json.dumps(["send_message", {"projectId": project_id, "text": str(number)}]))
            storm.next()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        for _ in range(20):
            socket = RawSocket(server.url, alice.token)
            joined = join(socket, project_id, **({"position": 1} if resume else {}))
            position = joined["position"]
            if resume:
                assert [each["position"] for each in joined["events"]] == list(range(2, position + 1))
            heard = [payload["position"] for _, payload in frames(socket, position + 5)]
            assert heard == list(range(position + 1, heard[-1] + 1))
            socket.close()
    finally:
        going.clear()
        writing.join()
        storm.close()


def test_who_is_removed_hears_of_it_and_nothing_after_and_cannot_come_back(
    server: Server, alice: Person, bob: Person
) -> None:
    project_id = shared(alice, bob)
    socket = RawSocket(server.url, bob.token)
    join(socket, project_id)

    removed = alice.http.delete(f"/api/projects/{project_id}/members/{bob.user_id}").json()["position"]
    for _ in range(3):
        alice.http.post(f"/api/projects/{project_id}/messages", json={"text": "He is gone"})

    assert [payload["position"] for _, payload in frames(socket, removed)] == [removed]
    assert socket.event() == ("project_left", {"projectId": project_id, "reason": "removed"})
    answer = socket.ask("join_project", {"projectId": project_id})
    assert answer["error"]["code"] == "project_not_found"
    with pytest.raises(TimeoutError):
        socket.next(within_s=0.3)
    socket.close()


def test_leaving_ends_the_stream_and_typing_reaches_the_others_alone(
    server: Server, alice: Person, bob: Person
) -> None:
    project_id = shared(alice, bob)
    first, second = RawSocket(server.url, alice.token), RawSocket(server.url, bob.token)
    join(first, project_id)
    join(second, project_id)
    assert first.event()[0] == "user_joined"

    assert second.ask("typing", {"projectId": project_id})["ok"]
    assert first.event() == ("typing", {"projectId": project_id, "userId": bob.user_id})
    task_id = alice.task(project_id)
    for each in (str(uuid.uuid4()), task_id):  # a task that is there no more is no news, and no error
        assert second.ask("typing", {"projectId": project_id, "taskId": each})["ok"]
    assert first.event()[0] == "task_updated"
    assert first.event() == ("typing", {"projectId": project_id, "userId": bob.user_id, "taskId": task_id})
    assert second.ask("leave_project", {"projectId": project_id})["ok"]
    assert second.event() == ("project_left", {"projectId": project_id, "reason": "left"})
    alice.http.post(f"/api/projects/{project_id}/messages", json={"text": "Hello"})
    with pytest.raises(TimeoutError):
        second.next(within_s=0.3)
    first.close()
    second.close()


def test_a_command_id_is_one_command_over_http_and_sockets(server: Server, alice: Person) -> None:
    project_id = alice.project()
    task_id = alice.task(project_id)
    command_id = str(uuid.uuid4())
    socket = RawSocket(server.url, alice.token)

    put = alice.http.put(f"/api/tasks/{task_id}", json={"status": "done"}, headers={"Idempotency-Key": command_id})
    alice.http.put(f"/api/tasks/{task_id}", json={"status": "todo"})
    dragged = socket.ask("task_moved", {"taskId": task_id, "status": "done", "commandId": command_id})

    assert dragged == {"ok": True, **put.json()}
    reused = socket.ask("task_moved", {"taskId": task_id, "status": "in-progress", "commandId": command_id})
    assert reused["error"]["code"] == "command_id_reused"
    socket.close()


def test_what_another_process_writes_reaches_the_room(
    server: Server, module_database_url: str, alice: Person
) -> None:
    project_id = alice.project()
    socket = RawSocket(server.url, alice.token)
    position = join(socket, project_id)["position"]

    with Server("--database-url", module_database_url) as other:
        elsewhere = alice.http.post(f"{other.url}/api/projects/{project_id}/messages", json={"text": "From there"})
        assert elsewhere.status_code == 201
        ((name, said),) = frames(socket, position + 1)
        assert (name, said["text"]) == ("new_message", "From there")

        fresh = alice.http.post("/login", json={"email": alice.email, "pwd": "a long enough password"}).json()[
            "token"
        ]
        there = RawSocket(other.url, fresh)
        assert alice.http.post("/logout", headers={"Authorization": f"Bearer {fresh}"}).status_code == 204
        assert there.closed_within(1.0), "a sign-out closes the session's sockets on every node"
    socket.close()


@pytest.mark.parametrize("goodbye", ["41", "1", "nonsense"])
def test_who_goes_while_joining_leaves_no_ghost_in_the_room(
    server: Server, alice: Person, bob: Person, goodbye: str
) -> None:
    project_id = shared(alice, bob)
    for _ in range(10):
        socket = RawSocket(server.url, bob.token)
        socket.send("421" + json.dumps(["join_project", {"projectId": project_id}]))
        socket.send(goodbye)
        if goodbye != "41":
            assert socket.closed_within(1.0)
        socket.close()

    witness = RawSocket(server.url, alice.token)
    assert join(witness, project_id)["online"] == [alice.user_id]
    witness.close()


def test_a_token_is_renewed_in_place(server: Server, alice: Person, bob: Person) -> None:
    socket = RawSocket(server.url, alice.token)

    assert socket.ask("authenticate", {"token": alice.token}) == {"ok": True}
    assert socket.ask("authenticate", {"token": bob.token})["error"]["code"] == "invalid_payload"
    socket.close()


def test_the_server_wrote_no_error_meanwhile(server: Server) -> None:
    assert server.errors == ""


def test_who_joins_the_past_sees_it_and_is_in_no_room(server: Server, alice: Person, bob: Person) -> None:
    project_id = shared(alice, bob)
    task_id = alice.task(project_id)
    said = {"text": "Hello"}
    position = alice.http.post(f"/api/projects/{project_id}/messages", json=said).json()["position"]
    then = alice.http.get(f"/api/projects/{project_id}/board").json()
    alice.http.delete(f"/api/tasks/{task_id}").raise_for_status()
    alice.http.post(f"/api/projects/{project_id}/messages", json={"text": "later"}).raise_for_status()
    inside, looking = RawSocket(server.url, alice.token), RawSocket(server.url, bob.token)
    online = join(inside, project_id)["online"]

    was = join(looking, project_id, at=position)

    assert set(was) == {"projectId", "position", "at", "board", "members", "messages"}
    assert (was["position"], was["board"]) == (position, then)
    assert [each["text"] for each in was["messages"]] == ["Hello"]
    assert [each["name"] for each in was["members"]] == ["Alice", "Bob"]
    assert join(looking, project_id, at=was["at"])["position"] >= position
    assert looking.ask("typing", {"projectId": project_id})["error"]["code"] == "not_in_room"

    alice.http.post(f"/api/projects/{project_id}/messages", json={"text": "now"}).raise_for_status()
    assert inside.event()[0] == "new_message", "and no user_joined before it"
    now = join(looking, project_id)
    assert now["online"] == [*online, bob.user_id], "nothing was heard before, or it would have come first"
    again = join(looking, project_id, at=position)
    assert again == was
    alice.http.post(f"/api/projects/{project_id}/messages", json={"text": "heard"}).raise_for_status()
    assert looking.event()[1]["text"] == "heard", "who is in the room stays in it"
    inside.close()
    looking.close()


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"at": 10_000}, "position_ahead"),
        ({"at": 0}, "not_yet_there"),
        ({"at": "2001-01-01T00:00:00Z"}, "not_yet_there"),
        ({"at": 1, "position": 1}, "invalid_payload"),
        ({"at": "2026-01-01T00:00:00"}, "invalid_payload"),
        ({"at": "soon"}, "invalid_payload"),
        ({"at": 1.5}, "invalid_payload"),
        ({"at": -1}, "invalid_payload"),
    ],
)
def test_a_past_that_never_was_is_refused(server: Server, alice: Person, more: dict[str, Any], code: str) -> None:
    project_id = alice.project()
    socket = RawSocket(server.url, alice.token)

    answer = socket.ask("join_project", {"projectId": project_id, **more})

    assert answer["error"]["code"] == code
    socket.close()
