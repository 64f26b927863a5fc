"""API tokens over HTTP and sockets: what they may do follows from their scopes, and ends with them."""

import json
from typing import Any

import httpx
import pytest

import mailed
from answering import items, pages, problem
from routes import ROUTES, call
from running import PASSWORD, Person, Server
from sockets.raw import RawPolling, RawSocket
from world import World

TOKENS = "/api/me/tokens"


def made(person: Person, *scopes: str, **more: Any) -> dict[str, Any]:
    """A new token as it is answered."""
    answer = person.http.post(
        TOKENS, json={"name": "a script", "scopes": scopes or ("read",), "password": PASSWORD, **more}
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.fixture
def program(server: Server, editor: Person) -> "Program":
    return Program(server.url, editor)


class Program:
    """Clients with a token of somebody's: one that reads, one that writes."""

    def __init__(self, url: str, person: Person) -> None:
        self.reading, self.writing = (made(person, scope) for scope in ("read", "write"))
        self.reader, self.writer = (client(url, each["token"]) for each in (self.reading, self.writing))


def client(url: str, token: str) -> httpx.Client:
    """An HTTP client that brings a token."""
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=20)


def test_a_token_is_made_shown_once_listed_and_revoked(server: Server) -> None:
    person = Person(server.url, "Carol")
    token = made(person, "write", expiresInDays=7)

    assert set(token) == {"tokenId", "token", "name", "scopes", "createdAt", "expiresAt", "lastUsedAt"}
    assert (token["scopes"], token["lastUsedAt"]) == (["read", "write"], None)
    me = client(server.url, token["token"]).get("/me")
    assert me.json()["id"] == person.user_id
    (listed,) = items(person, TOKENS)
    assert "token" not in listed
    assert listed | {"lastUsedAt": None} == {name: value for name, value in token.items() if name != "token"}
    assert listed["lastUsedAt"]

    path = f"{TOKENS}/{token['tokenId']}"
    assert person.http.delete(path).status_code == 204
    assert problem(client(server.url, token["token"]).get("/me")) == (401, "session_ended")
    assert problem(person.http.delete(path)) == (404, "api_token_not_found")
    assert items(person, TOKENS) == []


def test_tokens_are_listed_page_by_page(server: Server) -> None:
    person = Person(server.url, "Carol")
    ids = [made(person)["tokenId"] for _ in range(5)]

    assert [each["tokenId"] for each in pages(person, TOKENS)] == ids


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": ""}, (422, "invalid_name")),
        ({"scopes": []}, (400, "invalid_body")),
        ({"scopes": ["account"]}, (400, "invalid_body")),
        ({"expiresInDays": 0}, (400, "invalid_body")),
        ({"expiresInDays": 366}, (400, "invalid_body")),
        ({"userId": "somebody"}, (400, "invalid_body")),
        ({"password": None}, (403, "password_needed")),
        ({"password": "a guess at it"}, (403, "wrong_password")),
    ],
)
def test_what_is_no_token_is_refused(owner: Person, change: dict[str, Any], expected: tuple[int, str]) -> None:
    asked = {"name": "x", "scopes": ["read"], "password": PASSWORD}
    assert problem(owner.http.post(TOKENS, json=asked | change)) == expected


def test_the_owner_is_written_to_where_the_address_is_known_to_be_theirs(server: Server) -> None:
    persons = [Person(server.url, "Carol"), Person(server.url, "Carol").verified()]
    for each in persons:
        made(each)

    assert mailed.mail_to(persons[1].email, "An API token was made")
    assert [each["subject"] for each in mailed.mails_to(persons[0].email)] in ([], [mailed.VERIFY])


def test_one_sees_and_revokes_ones_own_alone(owner: Person, viewer: Person) -> None:
    token = made(owner)

    assert problem(viewer.http.delete(f"{TOKENS}/{token['tokenId']}")) == (404, "api_token_not_found")
    assert token["tokenId"] not in [each["tokenId"] for each in items(viewer, TOKENS)]


def test_a_token_that_reads_changes_nothing(program: Program, world: World, editor: Person) -> None:
    assert program.reader.get(f"/api/projects/{world.project}/board").status_code == 200
    before = program.reader.get(f"/api/projects/{world.project}").json()["position"]
    for kind in ROUTES:
        answer = call(editor, kind, world, headers={"Authorization": program.reader.headers["authorization"]})
        assert problem(answer) == (403, "scope_missing"), kind
        assert answer.json()["scope"] == "write"
    assert program.reader.get(f"/api/projects/{world.project}").json()["position"] == before


def test_a_token_that_writes_does_what_its_maker_may(program: Program, world: World) -> None:
    path = f"/api/projects/{world.project}"
    assert program.writer.post(f"{path}/tasks", json={"title": "Dig"}).status_code == 201
    assert problem(program.writer.delete(path)) == (403, "role_too_low")


def test_no_token_touches_what_opens_the_account(program: Program) -> None:
    for method, path, body in [
        ("POST", TOKENS, {"name": "more", "scopes": ["write"]}),
        ("GET", TOKENS, None),
        ("DELETE", f"{TOKENS}/{program.reading['tokenId']}", None),
        ("POST", "/logout", None),
        ("GET", "/api/admin/people", None),
    ]:
        answer = program.writer.request(method, path, json=body)
        assert problem(answer) == (403, "scope_missing"), path
        assert answer.json()["scope"] == "account"


def test_a_socket_by_token_joins_and_commands_as_its_scopes_say(
    server: Server, program: Program, world: World
) -> None:
    room = {"projectId": world.project}
    move = {"taskId": world.task, "status": "done"}
    for kind in ("reading", "writing"):
        socket = RawSocket(server.url, getattr(program, kind)["token"])
        assert socket.ask("join_project", room)["ok"]
        for event, payload in (("task_moved", move), ("typing", room), ("send_message", {**room, "text": "Hi"})):
            answer = socket.ask(event, payload)
            assert answer["ok"] == (kind == "writing"), answer
            if kind == "reading":
                assert (answer["error"]["code"], answer["error"]["scope"]) == ("scope_missing", "write")
        assert socket.ask("leave_project", room)["ok"]
        socket.close()


def test_a_socket_has_the_scopes_of_the_token_it_has_now(server: Server, program: Program, world: World) -> None:
    socket = RawSocket(server.url, program.writing["token"])
    for token, ok in ((program.reading, False), (program.writing, True)):
        assert socket.ask("authenticate", {"token": token["token"]}) == {"ok": True}
        assert socket.ask("task_moved", {"taskId": world.task, "status": "done"})["ok"] is ok
    socket.close()


def test_a_polling_client_that_asked_for_no_answer_hears_that_it_may_not(
    server: Server, program: Program, world: World
) -> None:
    polling = RawPolling(server.url, program.reading["token"])
    polling.post("42" + json.dumps(["task_moved", {"taskId": world.task, "status": "done"}]))

    heard = ""
    while "command_rejected" not in heard:
        heard += polling.get().text
    assert "scope_missing" in heard


def test_revoking_a_token_closes_its_sockets_and_no_others(server: Server, program: Program, editor: Person) -> None:
    doomed, spared = (RawSocket(server.url, each["token"]) for each in (program.reading, program.writing))

    editor.http.delete(f"{TOKENS}/{program.reading['tokenId']}").raise_for_status()

    assert doomed.closed_within(1.0)
    assert spared.ask("leave_project", {"projectId": program.reading["tokenId"]})["ok"]
    spared.close()
    refused = RawSocket(server.url, None)
    refused.send("40" + json.dumps({"token": program.reading["token"]}))
    assert json.loads(refused.next()[2:])["data"] == {"code": "session_ended"}
    refused.close()


def test_no_token_is_in_any_line_the_server_wrote(server: Server, program: Program) -> None:
    for token in (program.reading["token"], "ccp_" + "0" * 64, "e.y.J"):
        httpx.get(f"{server.url}/me", params={"token": token}, headers={"Authorization": f"Bearer {token}"})

    assert server.errors == ""
    assert '"kind": "api_token_made"' in server.security
    assert "ccp_" not in server.security
