"""What is the same for every call: who may, what a repetition answers, conditions, and input that is wrong."""

import uuid
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from answering import key, problem
from collabcampus.domain import commands as c
from routes import BY_ANOTHER_NAME, ROUTES, WITHOUT_BODY, call
from running import Person, Server
from sockets.raw import RawSocket
from world import SAMPLES, People, World, payload

OPEN_TO_ALL = (c.CreateProject, c.AcceptInvitation)
CHANGING = [pytest.param(kind, id=kind.__name__) for kind in ROUTES]


@pytest.fixture(scope="module")
def elsewhere(module_database_url: str) -> Iterator[str]:
    """Where a second node on the same database listens: it knows what is in the log alone."""
    with Server("--database-url", module_database_url) as running:
        yield running.url


@pytest.fixture(scope="module")
def socket(server: Server, people: People) -> Iterator[RawSocket]:
    """The owner's."""
    with closing(RawSocket(server.url, people["owner"].token)) as opened:
        yield opened


def test_every_command_has_its_call() -> None:
    assert {*ROUTES, *BY_ANOTHER_NAME} == set(SAMPLES)


@pytest.mark.parametrize("kind", CHANGING)
def test_a_call_repeated_on_another_node_happens_once_and_answers_the_same(
    world: World, owner: Person, elsewhere: str, kind: type[c.Command]
) -> None:
    headers, path = key(), f"/api/projects/{world.project}"
    person = world.people.guest if kind is c.AcceptInvitation else owner
    first = call(person, kind, world, headers=headers)
    _move_on(world, owner)
    head = owner.http.get(path).headers["etag"]

    again = call(person, kind, world, headers=headers, url=elsewhere)

    assert first.status_code < 300
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert owner.http.get(path).headers["etag"] == head


def _move_on(world: World, owner: Person) -> None:
    """Everything is another than it was when a call was answered, as far as it is there still."""
    path = f"/api/projects/{world.project}"
    owner.http.patch(path, json={"name": "Moved on"})
    owner.http.patch(f"{path}/columns/done", json={"name": "Moved on", "before": "in-progress"})
    owner.http.patch(f"{path}/labels/{world.label}", json={"name": "Moved on"})
    owner.http.post(f"{path}/members", json={"userId": world.people["outsider"].user_id, "role": "viewer"})
    owner.http.patch(f"{path}/members/{world.people['editor'].user_id}", json={"role": "viewer"})
    owner.http.patch(f"/api/tasks/{world.task}", json={"title": "Moved on", "status": "done"})
    owner.http.patch(f"/api/tasks/{world.task}/checklist/{world.item}", json={"text": "Moved on"})
    owner.http.patch(f"/api/tasks/{world.task}/comments/{world.comment(owner)}", json={"text": "Moved on"})
    owner.http.patch(f"{path}/messages/{world.message(owner)}", json={"text": "Moved on"})


@pytest.mark.parametrize("kind", CHANGING)
def test_a_socket_that_sends_the_same_command_again_is_answered_the_same(
    world: World, owner: Person, socket: RawSocket, kind: type[c.Command]
) -> None:
    headers = key()
    first = call(owner, kind, world, headers=headers)
    event = next(name for name, each in c.COMMANDS.items() if each is kind)

    again = socket.ask(event, {**payload(kind, world, owner), "commandId": headers["Idempotency-Key"]})

    assert again == {"ok": True, **first.json()}


@pytest.mark.parametrize("kind", [each for each in CHANGING if each.values[0] not in WITHOUT_BODY])
def test_an_unknown_field_and_what_the_door_fills_in_are_refused(
    world: World, owner: Person, kind: type[c.Command]
) -> None:
    for field in ("actor", "surprise", *map(c.camel, kind.door_fills)):
        assert problem(call(owner, kind, world, **{field: "x"})) == (400, "invalid_body"), field


@pytest.mark.parametrize(
    "kind", [each for each in CHANGING if each.values[0] not in (c.CreateProject, c.ForkProject)]
)
def test_a_stale_writer_is_refused_by_every_call_and_a_stranger_learns_nothing_by_asking(
    world: World, owner: Person, outsider: Person, kind: type[c.Command]
) -> None:
    before = owner.http.get(f"/api/projects/{world.project}").json()

    refused = call(owner, kind, world, headers={"If-Match": '"1"'})
    if kind is not c.AcceptInvitation:
        assert call(outsider, kind, world, headers={"If-Match": '"1"'}).status_code == 404

    assert problem(refused) == (412, "stale_position")
    assert refused.json()["position"] == before["position"]
    assert owner.http.get(f"/api/projects/{world.project}").json() == before


READS = (
    "", "/board", "/events", "/columns", "/labels", "/members", "/tasks", "/messages", "/activity",
)  # fmt: skip
OF_A_TASK = ("", "/checklist", "/comments", "/activity")


def test_a_viewer_reads_what_a_stranger_cannot_tell_from_nothing(
    server: Server, world: World, viewer: Person, outsider: Person
) -> None:
    nothing = str(uuid.uuid4())
    for read, real, rest in [
        *(("projects", world.project, each) for each in READS),
        *(("tasks", world.task, each) for each in OF_A_TASK),
    ]:
        path = f"/api/{read}/{real}{rest}"
        assert viewer.http.get(path).status_code == 200, path
        assert problem(httpx.get(server.url + path)) == (401, "token_missing"), path
        refused, unknown = (outsider.http.get(f"/api/{read}/{each}{rest}") for each in (real, nothing))
        assert problem(refused) == (404, f"{read[:-1]}_not_found"), path
        assert refused.json() == unknown.json()


def test_what_has_not_moved_on_is_not_sent_again(world: World, owner: Person) -> None:
    for path in [
        *(f"/api/projects/{world.project}{each}" for each in ("", "/board", "/columns", "/labels", "/members",
                                                              "/tasks", "/invitations", "/messages", "/events")),
        *(f"/api/tasks/{world.task}{each}" for each in ("", "/checklist", "/comments")),
    ]:  # fmt: skip
        etag = owner.http.get(path).headers["etag"]
        for held in (etag, f'"1", W/{etag}', "*"):
            kept = owner.http.get(path, headers={"If-None-Match": held})
            assert (kept.status_code, kept.content, kept.headers["etag"]) == (304, b"", etag), path
        assert owner.http.get(path, headers={"If-None-Match": '"1"'}).status_code == 200


def test_an_idempotency_key_makes_it_happen_once_and_answer_the_same(owner: Person) -> None:
    project_id = owner.project()
    headers = key()
    url = f"/api/projects/{project_id}/tasks"

    first = owner.http.post(url, json={"title": "Dig"}, headers=headers)
    owner.http.patch(f"/api/tasks/{first.json()['taskId']}", json={"title": "Dig deep"})
    again = owner.http.post(url, json={"title": "Dig"}, headers=headers)

    assert (again.status_code, again.json()) == (201, first.json())
    assert problem(owner.http.post(url, json={"title": "Sow"}, headers=headers)) == (409, "command_id_reused")
    assert len(owner.http.get(f"/api/projects/{project_id}/board").json()["tasks"]) == 1


def test_if_match_refuses_a_stale_writer(owner: Person) -> None:
    project_id = owner.project()
    task_id = owner.task(project_id)
    stale = owner.http.get(f"/api/projects/{project_id}/board").headers["etag"]
    current = owner.http.put(f"/api/tasks/{task_id}", json={"status": "done"}, headers={"If-Match": stale}).headers[
        "etag"
    ]

    refused = owner.http.put(f"/api/tasks/{task_id}", json={"status": "todo"}, headers={"If-Match": stale})

    assert problem(refused) == (412, "stale_position")
    assert f'"{refused.json()["position"]}"' == current


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
        (b'{"title": "a\\n"}', (400, "invalid_body")),
        (b'{"title": "a", "dueDate": "2030-01-0\\u0661"}', (400, "invalid_body")),
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
    owner: Person, body: bytes, expected: tuple[int, str]
) -> None:
    project_id = owner.project()
    before = owner.http.get(f"/api/projects/{project_id}").json()

    answer = owner.http.post(
        f"/api/projects/{project_id}/tasks", content=body, headers={"content-type": "application/json"}
    )

    assert problem(answer) == expected
    assert owner.http.get(f"/api/projects/{project_id}").json() == before


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
        ("GET", f"/api/me/notifications?cursor=2025-01-01T00:00:00.000Z~{'-' * 36}~1", {}, (400, "invalid_body")),
        ("GET", "/api/me/tasks?dueFrom=yesterday", {}, (400, "invalid_body")),
        ("GET", "/api/me/tasks?dueTo=2026-02-30", {}, (400, "invalid_body")),
    ],
)
def test_a_request_that_is_wrong_is_refused(
    owner: Person, method: str, path: str, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    body = {"name": "Garden"} if method == "POST" else None

    assert problem(owner.http.request(method, path, headers=headers, json=body)) == expected


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
