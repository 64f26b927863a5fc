"""What administrators do over HTTP; that they see no project's content, tests/test_permissions.py holds."""

import time
import uuid
from typing import Any

import httpx
import pytest

from answering import done, key, pages, problem
from running import PASSWORD, Person, Server
from sockets.raw import RawSocket

PEOPLE, LOG, ORPHANED = "/api/admin/people", "/api/admin/security-log", "/api/admin/projects/orphaned"
WITHIN_S = 1.0


@pytest.fixture(scope="module")
def boss(server: Server, module_database_url: str) -> Person:
    """An administrator."""
    return Person(server.url, "Boss").promote(module_database_url)


def made(person: Person, name: str = "a script") -> dict[str, Any]:
    """A new API token."""
    answer = person.http.post("/api/me/tokens", json={"name": name, "scopes": ["read"], "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.fixture
def alice(server: Server) -> Person:
    return Person(server.url, "Alice")


def changed(boss: Person, person: Person, **change: Any) -> dict[str, Any]:
    """What a person is after a change."""
    answer = boss.http.patch(f"{PEOPLE}/{person.user_id}", json=change)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_people_are_listed_and_found(boss: Person, alice: Person) -> None:
    (found,) = boss.http.get(PEOPLE, params={"q": alice.email.upper()}).json()["items"]

    assert found.pop("createdAt") <= found.pop("lastSeenAt")
    assert found == {
        "userId": alice.user_id, "email": alice.email, "name": "Alice", "admin": False, "disabled": False,
    }  # fmt: skip
    everybody = pages(boss, PEOPLE)
    assert {boss.user_id, alice.user_id} <= {each["userId"] for each in everybody}
    assert len({each["userId"] for each in everybody}) == len(everybody)
    assert problem(boss.http.get(PEOPLE, params={"q": "a\0b"})) == (400, "invalid_body")


def test_whoever_is_disabled_is_out_within_a_second_and_comes_back_when_enabled(
    server: Server, boss: Person, alice: Person
) -> None:
    token = made(alice)
    sockets = [RawSocket(server.url, each) for each in (alice.token, token["token"])]
    by_token = httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {token['token']}"})
    login = {"email": alice.email, "pwd": PASSWORD}
    assert by_token.get("/me").status_code == 200

    assert changed(boss, alice, disabled=True)["disabled"]

    assert all(each.closed_within(WITHIN_S) for each in sockets)
    assert problem(alice.http.get("/me")) == (401, "session_ended")
    assert problem(by_token.get("/me")) == (403, "account_disabled")
    assert problem(boss.http.post("/login", json=login)) == (403, "account_disabled")
    assert problem(boss.http.post("/login", json={**login, "pwd": "not this one"})) == (401, "bad_credentials")
    assert problem(boss.http.post("/refresh", json={"refreshToken": alice.refresh_token})) == (
        401,
        "bad_refresh_token",
    )

    assert not changed(boss, alice, disabled=False)["disabled"]
    assert by_token.get("/me").status_code == 200
    RawSocket(server.url, token["token"]).close()
    assert problem(alice.http.get("/me")) == (401, "session_ended")
    assert boss.http.post("/login", json=login).status_code == 200


def test_a_new_administrator_may_do_so_at_once_and_one_no_longer_may_not(boss: Person, alice: Person) -> None:
    assert problem(alice.http.get(PEOPLE)) == (403, "not_administrator")
    assert changed(boss, alice, admin=True)["admin"]
    assert alice.http.get(PEOPLE).status_code == 200
    assert not changed(alice, alice, admin=False)["admin"]
    assert problem(alice.http.get(PEOPLE)) == (403, "not_administrator")


def test_the_last_administrator_stays(boss: Person) -> None:
    for change in ({"admin": False}, {"disabled": True}):
        answer = boss.http.patch(f"{PEOPLE}/{boss.user_id}", json=change)
        assert problem(answer) == (409, "last_administrator")


@pytest.mark.parametrize("change", [{"name": "Eve"}, {"admin": None, "x": 1}, {"disabled": "yes"}, []])
def test_nothing_else_of_a_person_is_changed(boss: Person, alice: Person, change: Any) -> None:
    assert problem(boss.http.patch(f"{PEOPLE}/{alice.user_id}", json=change)) == (400, "invalid_body")


def test_whoever_is_nobody_is_not_found(boss: Person) -> None:
    nobody = f"{PEOPLE}/{uuid.uuid4()}"
    assert problem(boss.http.patch(nobody, json={"disabled": True})) == (404, "person_not_found")
    assert problem(boss.http.delete(f"{nobody}/sessions")) == (404, "person_not_found")


def test_all_sessions_of_somebody_are_ended_tokens_too(server: Server, boss: Person, alice: Person) -> None:
    token = made(alice)["token"]
    sockets = [RawSocket(server.url, each) for each in (alice.token, token)]

    assert boss.http.delete(f"{PEOPLE}/{alice.user_id}/sessions").json() == {"ended": 2}

    assert all(each.closed_within(WITHIN_S) for each in sockets)
    for dead in (alice.token, token):
        refused = httpx.get(f"{server.url}/me", headers={"Authorization": f"Bearer {dead}"})
        assert problem(refused) == (401, "session_ended")
    assert boss.http.post("/login", json={"email": alice.email, "pwd": PASSWORD}).status_code == 200


def test_the_log_says_who_did_what_to_whom_from_where(boss: Person, alice: Person) -> None:
    alice.http.post("/login", json={"email": alice.email, "pwd": "not the password"})
    changed(boss, alice, admin=True)
    changed(boss, alice, admin=False)
    boss.http.delete(f"{PEOPLE}/{alice.user_id}/sessions")

    found = written(boss, alice, "sessions_ended")
    assert [each["kind"] for each in found] == [
        "sessions_ended", "person_demoted", "person_promoted", "sign_in_refused", "signed_in", "registered",
    ]  # fmt: skip
    assert [each["actorId"] for each in found] == [*[boss.user_id] * 3, *[None] * 3]
    assert {each["address"] for each in found} == {"127.0.0.1"}
    assert alice.email not in str(found)


def written(boss: Person, about: Person, last: str) -> list[dict[str, Any]]:
    """What the log has of somebody, once it has that; entries are written a moment after the answer."""
    until = time.monotonic() + 10
    while True:
        found = list(boss.http.get(LOG, params={"userId": about.user_id}).json()["items"])
        if (found and found[0]["kind"] == last) or time.monotonic() > until:
            return found
        time.sleep(0.02)


def test_the_log_pages_and_is_filtered(boss: Person, alice: Person) -> None:
    for name in ("one", "two", "three"):
        made(alice, name=name)
    changed(boss, alice, admin=True)
    changed(boss, alice, admin=False)
    everything = written(boss, alice, "person_demoted")

    assert pages(boss, LOG, userId=alice.user_id) == everything
    assert [each["kind"] for each in pages(boss, LOG, userId=alice.user_id, kind="registered")] == ["registered"]
    second = everything[1]
    since = boss.http.get(LOG, params={"userId": alice.user_id, "since": second["at"]}).json()["items"]
    until = boss.http.get(LOG, params={"userId": alice.user_id, "until": second["at"]}).json()["items"]
    assert [*since, *until] == everything
    for since_when in ("2026-W01-1", "20260101T00", "2026-01-01T00:00:00+23:59"):
        assert boss.http.get(LOG, params={"since": since_when}).status_code == 200
    for query in (
        {"since": "yesterday"},
        {"since": "0001-01-01T00:00:00+01:00"},
        {"until": "x"},
        {"cursor": "x"},
        {"userId": "x"},
        {"kind": "a\0"},
        {"kind": "nonsense"},
    ):
        assert problem(boss.http.get(LOG, params=query)) == (400, "invalid_body")


@pytest.fixture
def orphan(boss: Person, alice: Person) -> str:
    """The project of somebody disabled."""
    project_id = alice.project("Secret garden")
    changed(boss, alice, disabled=True)
    return project_id


def test_an_orphaned_project_is_listed_without_what_it_is_about(boss: Person, alice: Person, orphan: str) -> None:
    found = {each["projectId"]: each for each in pages(boss, ORPHANED)}

    assert found[orphan] == {
        "projectId": orphan, "archived": False, "owners": [{"userId": alice.user_id, "name": "Alice"}],
        "members": [], "memberCount": 1,
    }  # fmt: skip
    assert problem(boss.http.get(f"/api/projects/{orphan}/board")) == (404, "project_not_found")


def test_an_orphan_is_given_to_somebody_by_an_event_of_its_log(
    server: Server, boss: Person, alice: Person, orphan: str
) -> None:
    heir = Person(server.url, "Heir")
    path, body, command = f"/api/admin/projects/{orphan}/owner", {"userId": heir.user_id}, key()
    assert problem(boss.http.post(path, json=body, headers={"If-Match": '"9"'})) == (412, "stale_position")

    assert done(boss.http.post(path, json=body, headers=command)) == {
        "userId": heir.user_id, "name": "Heir", "role": "owner",
    }  # fmt: skip
    assert boss.http.post(path, json=body, headers=command).json()["position"] == 3
    assert boss.http.post(path, json=body).json()["position"] == 3, "it is so already"

    last = heir.http.get(f"/api/projects/{orphan}/events").json()["items"][-1]
    assert (last["type"], last["key"], last["actor"]) == ("MemberAdded", heir.user_id, boss.user_id)
    assert last["commandId"] == command["Idempotency-Key"]
    assert orphan not in [each["projectId"] for each in pages(boss, ORPHANED)]
    assert written(boss, heir, "owner_appointed")[0]["detail"] == {"project_id": orphan}
    assert problem(boss.http.get(f"/api/projects/{orphan}")) == (404, "project_not_found")
    heir.http.delete(f"/api/projects/{orphan}/members/{alice.user_id}").raise_for_status()


def test_a_project_with_an_owner_is_the_owners_to_give(
    server: Server, boss: Person, alice: Person, orphan: str
) -> None:
    heir = Person(server.url, "Heir")
    mine, other = heir.project(), Person(server.url, "Other")
    for project_id, user_id, expected in [
        (mine, other.user_id, (409, "owner_there")),
        (orphan, boss.user_id, (403, "not_to_oneself")),
        (orphan, alice.user_id, (403, "account_disabled")),
        (orphan, str(uuid.uuid4()), (404, "person_not_found")),
        (str(uuid.uuid4()), heir.user_id, (404, "project_not_found")),
    ]:
        answer = boss.http.post(f"/api/admin/projects/{project_id}/owner", json={"userId": user_id})
        assert problem(answer) == expected


def test_no_socket_appoints_owners(server: Server, boss: Person, orphan: str) -> None:
    socket = RawSocket(server.url, boss.token)

    answer = socket.ask("appoint_owner", {"projectId": orphan, "userId": boss.user_id})
    assert answer["error"]["code"] == "unknown_event"
    socket.close()


def test_the_server_wrote_no_error_meanwhile(server: Server) -> None:
    assert server.errors == ""
