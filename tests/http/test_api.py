"""HTTP: what every call answers, and what it says to input that is wrong."""

import json
import uuid
from typing import Any

import httpx
import pytest

from running import PASSWORD, Person, Server


@pytest.fixture(scope="module")
def alice(server: Server) -> Person:
    return Person(server.url, "Alice")


@pytest.fixture(scope="module")
def bob(server: Server) -> Person:
    return Person(server.url, "Bob")


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, which is always a problem+json that tells nothing of our insides."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert not any(word in answer.text for word in ("Traceback", "psycopg", "SELECT", "msgspec", ".py")), answer.text
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["code"]


def test_a_project_is_made_read_and_edited(alice: Person) -> None:
    made = alice.http.post(
        "/api/projects", json={"name": "Garden", "columns": ["Ideas", {"name": "Done", "id": "d"}]}
    )
    project_id = made.json()["projectId"]
    assert made.status_code == 201
    assert made.json()["columns"] == [{"id": "ideas", "name": "Ideas"}, {"id": "d", "name": "Done"}]
    assert made.json()["members"] == [{"userId": alice.user_id, "name": "Alice", "role": "owner"}]

    edited = alice.http.patch(f"/api/projects/{project_id}", json={"description": "Roses"})
    read = alice.http.get(f"/api/projects/{project_id}")

    assert (edited.status_code, edited.json()) == (200, read.json())
    assert read.headers["etag"] == f'"{made.json()["position"] + 1}"'
    assert (read.json()["name"], read.json()["description"]) == ("Garden", "Roses")


def test_a_task_is_made_moved_edited_and_deleted(alice: Person) -> None:
    project_id = alice.project()
    first, second = alice.task(project_id, "Dig"), alice.task(project_id, "Sow")

    moved = alice.http.put(f"/api/tasks/{second}", json={"status": "todo", "before": first, "title": "Sow peas"})
    board = alice.http.get(f"/api/projects/{project_id}/board").json()
    assert moved.json()["title"] == "Sow peas"
    assert [each["taskId"] for each in board["tasks"]] == [second, first]
    assert board["tasks"][0] == {key: value for key, value in moved.json().items() if key != "position"}
    assert set(board) == {"projectId", "position", "name", "columns", "labels", "tasks", "members"}
    assert set(board["tasks"][0]) == {
        "taskId", "title", "description", "status", "rank", "assignees", "labels", "priority", "dueDate", "checklist",
        "commentCount", "createdBy", "createdAt", "updatedAt",
    }  # fmt: skip

    gone = alice.http.delete(f"/api/tasks/{first}")
    assert (gone.status_code, gone.json()) == (200, {"position": moved.json()["position"] + 2 - 1})
    assert problem(alice.http.get(f"/api/tasks/{first}")) == (404, "task_not_found")


def test_an_idempotency_key_makes_it_happen_once_and_answer_the_same(alice: Person) -> None:
    project_id = alice.project()
    key = {"Idempotency-Key": str(uuid.uuid4())}
    url = f"/api/projects/{project_id}/tasks"

    first = alice.http.post(url, json={"title": "Dig"}, headers=key)
    alice.http.patch(f"/api/tasks/{first.json()['taskId']}", json={"title": "Dig deep"})
    again = alice.http.post(url, json={"title": "Dig"}, headers=key)

    assert (again.status_code, again.json()) == (201, first.json())
    assert problem(alice.http.post(url, json={"title": "Sow"}, headers=key)) == (409, "command_id_reused")
    assert len(alice.http.get(f"/api/projects/{project_id}/board").json()["tasks"]) == 1


def test_if_match_refuses_a_stale_writer(alice: Person) -> None:
    project_id = alice.project()
    task_id = alice.task(project_id)
    stale = alice.http.get(f"/api/projects/{project_id}/board").headers["etag"]
    current = alice.http.put(f"/api/tasks/{task_id}", json={"status": "done"}, headers={"If-Match": stale}).headers[
        "etag"
    ]

    refused = alice.http.put(f"/api/tasks/{task_id}", json={"status": "todo"}, headers={"If-Match": stale})

    assert problem(refused) == (412, "stale_position")
    assert f'"{refused.json()["position"]}"' == current


def test_members_come_by_address_change_and_go(alice: Person, bob: Person) -> None:
    project_id = alice.project()
    members = f"/api/projects/{project_id}/members"
    assert problem(bob.http.get(members)) == (404, "project_not_found")

    added = alice.http.post(members, json={"email": bob.email.upper(), "role": "viewer"})
    assert (added.status_code, added.json()["userId"], added.json()["role"]) == (201, bob.user_id, "viewer")
    assert [each["name"] for each in bob.http.get(members).json()["items"]] == ["Alice", "Bob"]
    assert problem(bob.http.post(f"/api/projects/{project_id}/tasks", json={"title": "x"})) == (403, "role_too_low")

    changed = alice.http.patch(f"{members}/{bob.user_id}", json={"role": "editor"})
    assert changed.json()["role"] == "editor"
    assert bob.task(project_id)

    assert bob.http.delete(f"{members}/{bob.user_id}").status_code == 200
    assert problem(bob.http.get(members)) == (404, "project_not_found")
    assert problem(alice.http.delete(f"{members}/{alice.user_id}")) == (409, "last_owner")
    assert problem(alice.http.post(members, json={"role": "viewer"})) == (422, "invalid_payload")
    assert problem(bob.http.post(members, json={"email": "x@example.org", "role": "viewer"})) == (
        404, "project_not_found",
    ), "who may not add does not learn who is registered"  # fmt: skip
    unknown = {"email": "nobody@example.org", "role": "viewer"}
    assert problem(alice.http.post(members, json=unknown)) == (404, "user_not_found")


def test_a_stranger_sees_the_same_404_as_for_nothing_at_all(alice: Person, bob: Person) -> None:
    project_id = alice.project()
    task_id = alice.task(project_id)

    for real, path in [(project_id, "/api/projects/{}/board"), (task_id, "/api/tasks/{}")]:
        answers = [bob.http.get(path.format(each)) for each in (real, uuid.uuid4())]
        assert answers[0].status_code == 404
        assert answers[0].json() == answers[1].json()
    writes = [bob.http.put(f"/api/tasks/{each}", json={"status": "done"}) for each in (task_id, uuid.uuid4())]
    assert writes[0].json() == writes[1].json()


def test_lists_page_by_cursor_to_the_end(alice: Person) -> None:
    project_id = alice.project()
    for number in range(5):
        alice.http.post(f"/api/projects/{project_id}/messages", json={"text": str(number)})

    def pages(url: str, cursor: str, **query: Any) -> list[Any]:
        items, following = [], None
        while True:
            answer = alice.http.get(url, params={"limit": 2, **query, **({cursor: following} if following else {})})
            items += answer.json()["items"]
            following = answer.json()["next"]
            if following is None:
                return items

    messages = pages(f"/api/projects/{project_id}/messages", "cursor")
    events = pages(f"/api/projects/{project_id}/events", "after")
    streamed = alice.http.get(f"/api/projects/{project_id}/events", headers={"Accept": "application/x-ndjson"})

    assert [each["text"] for each in messages] == ["4", "3", "2", "1", "0"]
    assert [each["position"] for each in events] == list(range(1, 8))
    assert [json.loads(line) for line in streamed.text.splitlines()] == events
    assert project_id in [each["projectId"] for each in pages("/api/projects", "cursor")]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", (400, "bad_request")),
        (b"\xff\xfe", (400, "bad_request")),
        (b"null", (400, "invalid_body")),
        (b"[]", (400, "invalid_body")),
        (b'{"title": 7}', (400, "invalid_body")),
        (b'{"title": ""}', (400, "invalid_body")),
        (b'{"title": "  "}', (400, "invalid_body")),
        (b'{"title": "a\\u0000b"}', (400, "invalid_body")),
        (b'{"title": "a\\ud800b"}', (400, "bad_request")),
        (b'{"title": "a", "titel": "b"}', (400, "invalid_body")),
        (b'{"title": "a", "taskId": "1"}', (400, "invalid_body")),
        (b'{"title": "' + b"a" * 501 + b'"}', (400, "invalid_body")),
        (b'{"title": "a", "description": "' + b"a" * 65_536 + b'"}', (413, "body_too_large")),
        (b"[" * 5_000, (400, "bad_request")),
        (b'{"title": "a", "status": "nowhere"}', (404, "column_not_found")),
    ],
)
def test_a_body_that_is_wrong_is_refused_and_nothing_is_written(
    alice: Person, body: bytes, expected: tuple[int, str]
) -> None:
    project_id = alice.project()
    before = alice.http.get(f"/api/projects/{project_id}").json()

    answer = alice.http.post(
        f"/api/projects/{project_id}/tasks", content=body, headers={"content-type": "application/json"}
    )

    assert problem(answer) == expected
    assert alice.http.get(f"/api/projects/{project_id}").json() == before


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    [
        ("GET", "/api/projects/not-an-id", {}, (404, "not_found")),
        ("GET", "/api/projects?limit=0", {}, (400, "invalid_body")),
        ("GET", "/api/projects?limit=1001", {}, (400, "invalid_body")),
        ("GET", "/api/projects?cursor=x", {}, (400, "invalid_body")),
        ("GET", f"/api/projects/{uuid.UUID(int=7)}/messages?cursor=99999999999999999999", {}, (400, "invalid_body")),
        ("GET", f"/api/projects/{uuid.UUID(int=7)}/events?after=99999999999999999999", {}, (400, "invalid_body")),
        ("DELETE", "/login", {}, (405, "method_not_allowed")),
        ("POST", "/api/projects", {"Idempotency-Key": "7"}, (400, "invalid_body")),
        ("POST", "/api/projects", {"If-Match": "yesterday"}, (400, "invalid_body")),
        ("GET", "/nothing/here", {}, (404, "not_found")),
    ],
)
def test_a_request_that_is_wrong_is_refused(
    alice: Person, method: str, path: str, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    body = {"name": "Garden"} if method == "POST" else None

    assert problem(alice.http.request(method, path, headers=headers, json=body)) == expected


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, "token_missing"), ("Basic abc", "token_missing"), ("Bearer abc", "token_invalid")],
)
def test_whoever_is_not_signed_in_is_told_why(server: Server, header: str | None, code: str) -> None:
    answer = httpx.get(f"{server.url}/me", headers={"Authorization": header} if header else {})

    assert problem(answer) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_signing_in_refreshing_and_signing_out(server: Server) -> None:
    person = Person(server.url, "Carol")
    wrong = person.http.post("/login", json={"email": person.email, "pwd": "not the password"})
    unknown = person.http.post("/login", json={"email": "nobody@example.org", "pwd": PASSWORD})
    assert problem(wrong) == (401, "bad_credentials")
    assert wrong.json() == unknown.json()

    login = person.http.post("/login", json={"email": person.email, "password": PASSWORD}).json()
    assert set(login) == {"token", "refreshToken", "expiresIn", "user"}
    fresh = person.http.post("/refresh", json={"refreshToken": login["refreshToken"]}).json()
    bearer = {"Authorization": f"Bearer {fresh['token']}"}
    assert person.http.get("/me", headers=bearer).json() == {
        "id": person.user_id, "email": person.email, "name": "Carol",
    }  # fmt: skip

    assert person.http.post("/logout", headers=bearer).status_code == 204
    assert problem(person.http.get("/me", headers=bearer)) == (401, "session_ended")
    refused = person.http.post("/refresh", json={"refreshToken": fresh["refreshToken"]})
    assert problem(refused) == (401, "bad_refresh_token")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"email": "nothing"}, (422, "invalid_email")),
        ({"password": "short"}, (422, "weak_password")),
        ({"password": "password1234"}, (422, "weak_password")),
        ({"name": " "}, (422, "invalid_name")),
    ],
)
def test_a_registration_that_is_wrong_is_refused(
    server: Server, change: dict[str, str], expected: tuple[int, str]
) -> None:
    body = {"email": f"{uuid.uuid4()}@example.org", "name": "Dan", "password": PASSWORD, **change}

    assert problem(httpx.post(f"{server.url}/register", json=body)) == expected


def test_an_address_is_registered_once(server: Server, alice: Person) -> None:
    body = {"email": alice.email.upper(), "name": "Mallory", "password": PASSWORD}

    assert problem(httpx.post(f"{server.url}/register", json=body)) == (409, "email_taken")


def test_health_and_the_description_of_the_calls_are_open(server: Server) -> None:
    assert httpx.get(f"{server.url}/health/live").json() == {"status": "live"}
    assert httpx.get(f"{server.url}/health/ready").json() == {"status": "ready"}
    described = httpx.get(f"{server.url}/schema/openapi.json").json()
    assert "/api/projects/{project_id}/board" in described["paths"]
    assert httpx.get(f"{server.url}/schema").status_code == 200


def test_a_browser_may_call_from_the_listed_origins_alone(server: Server) -> None:
    for origin, allowed in [("http://localhost:5173", "http://localhost:5173"), ("https://evil.example", None)]:
        answer = httpx.get(f"{server.url}/health/live", headers={"Origin": origin})
        assert answer.headers.get("access-control-allow-origin") == allowed


def test_the_server_wrote_no_error_meanwhile(server: Server) -> None:
    assert server.errors == ""
