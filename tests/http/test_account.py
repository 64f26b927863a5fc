"""One's own account over HTTP: sessions, password, address, and closing it; heard on another node, too."""

from collections.abc import Iterator

import httpx
import pytest

import mailed
from answering import items, pages, problem
from running import PASSWORD, Person, Server
from sockets.raw import RawSocket

NEW = "another long password"


@pytest.fixture(scope="module")
def elsewhere(module_database_url: str) -> Iterator[str]:
    """Where a second node on the same database listens."""
    with Server("--database-url", module_database_url) as running:
        yield running.url


@pytest.fixture
def alice(server: Server) -> Person:
    return Person(server.url, "Alice")


@pytest.fixture
def bob(server: Server) -> Person:
    return Person(server.url, "Bob")


def signed_in(person: Person, agent: str, password: str = PASSWORD) -> str:
    """The token of another session."""
    login = {"email": person.email, "pwd": password}
    answer = person.http.post("/login", json=login, headers={"user-agent": agent})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["token"])


def me(url: str, token: str) -> httpx.Response:
    """What a token is answered somewhere."""
    return httpx.get(f"{url}/me", headers={"authorization": f"Bearer {token}"})


def test_i_see_where_i_am_signed_in_the_latest_first(alice: Person, bob: Person) -> None:
    signed_in(alice, "A phone")
    signed_in(alice, "x" * 300)

    sessions = items(alice, "/api/me/sessions")

    assert [each["device"][:7] for each in sessions] == ["xxxxxxx", "A phone", "python-"]
    assert [each["current"] for each in sessions] == [False, False, True]
    assert all(each["createdAt"] == each["lastUsedAt"] for each in sessions)
    assert set(sessions[0]) == {"sessionId", "device", "createdAt", "lastUsedAt", "current"}
    assert pages(alice, "/api/me/sessions") == sessions
    assert len(items(bob, "/api/me/sessions")) == 1


def test_a_session_moves_when_it_is_refreshed_and_goes_when_it_ends(alice: Person) -> None:
    (before,) = items(alice, "/api/me/sessions")
    alice.http.post("/refresh", json={"refreshToken": alice.refresh_token}).raise_for_status()
    token = signed_in(alice, "A phone")
    alice.http.post("/logout", headers={"authorization": f"Bearer {token}"})

    (after,) = items(alice, "/api/me/sessions")

    assert after["lastUsedAt"] > before["lastUsedAt"]
    assert after["createdAt"] == before["createdAt"]


def test_a_session_that_i_end_is_over_on_every_node_with_its_sockets(
    server: Server, elsewhere: str, alice: Person
) -> None:
    token = signed_in(alice, "A phone")
    there = [RawSocket(url, token) for url in (server.url, elsewhere)]
    here = RawSocket(elsewhere, alice.token)
    phone = items(alice, "/api/me/sessions")[0]["sessionId"]

    assert alice.http.delete(f"/api/me/sessions/{phone}").status_code == 204

    assert all(each.closed_within(5) for each in there)
    for url in (server.url, elsewhere):
        assert problem(me(url, token)) == (401, "session_ended")
        assert me(url, alice.token).status_code == 200
    assert here.ask("typing", {"projectId": alice.user_id})["error"]["code"] == "not_in_room"
    assert problem(alice.http.delete(f"/api/me/sessions/{phone}")) == (404, "session_not_found")
    here.close()


def test_nobody_ends_the_session_of_somebody_else(server: Server, alice: Person, bob: Person) -> None:
    (his,) = items(bob, "/api/me/sessions")

    refused = alice.http.delete(f"/api/me/sessions/{his['sessionId']}")

    assert problem(refused) == (404, "session_not_found")
    assert me(server.url, bob.token).status_code == 200


def test_all_sessions_but_this_one_can_be_ended(server: Server, alice: Person, bob: Person) -> None:
    tokens = [signed_in(alice, "A phone") for _ in range(2)]

    assert alice.http.delete("/api/me/sessions").status_code == 204

    assert [problem(me(server.url, each)) for each in tokens] == [(401, "session_ended")] * 2
    assert [each["current"] for each in items(alice, "/api/me/sessions")] == [True]
    assert me(server.url, bob.token).status_code == 200


def test_another_password_ends_all_other_sessions_on_every_node(
    server: Server, elsewhere: str, alice: Person
) -> None:
    token = signed_in(alice, "A phone")
    socket = RawSocket(elsewhere, token)

    changed = alice.http.put("/api/me/password", json={"currentPassword": PASSWORD, "password": NEW})

    assert changed.status_code == 204
    assert socket.closed_within(5)
    assert problem(me(server.url, token)) == (401, "session_ended")
    assert me(server.url, alice.token).status_code == 200
    assert problem(alice.http.post("/login", json={"email": alice.email, "pwd": PASSWORD}))[1] == "bad_credentials"
    assert signed_in(alice, "A phone", NEW)
    assert mailed.mail_to(alice.email, mailed.CHANGED)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"currentPassword": "not the password", "password": NEW}, (403, "wrong_password")),
        ({"currentPassword": PASSWORD, "password": "short"}, (422, "weak_password")),
        ({"password": NEW}, (400, "invalid_body")),
    ],
)
def test_a_password_is_changed_by_who_knows_it_and_to_a_strong_one(
    alice: Person, body: dict[str, str], expected: tuple[int, str]
) -> None:
    token = signed_in(alice, "A phone")

    assert problem(alice.http.put("/api/me/password", json=body)) == expected
    assert me(str(alice.http.base_url), token).status_code == 200
    assert signed_in(alice, "A phone")


def test_an_address_changes_once_the_new_one_is_verified(alice: Person) -> None:
    old, new = alice.email, f"new-{alice.email}"
    asked = alice.http.post("/api/me/email", json={"email": f" {new.upper()}", "password": PASSWORD})
    assert asked.status_code == 202
    assert alice.http.get("/me").json()["email"] == old
    assert mailed.mail_to(old, mailed.CHANGES)
    token = mailed.token_to(new, mailed.VERIFY)

    assert alice.http.post("/email/verify", json={"token": token}).status_code == 204

    assert alice.http.get("/me").json() == {
        "id": alice.user_id, "email": new, "name": "Alice", "verified": True,
    }  # fmt: skip
    assert problem(alice.http.post("/email/verify", json={"token": token})) == (422, "bad_mailed_token")
    assert problem(alice.http.post("/login", json={"email": old, "pwd": PASSWORD}))[1] == "bad_credentials"
    login = alice.http.post("/login", json={"email": new, "pwd": PASSWORD})
    assert login.json()["user"] == {"id": alice.user_id, "email": new, "name": "Alice"}


def test_an_address_that_is_somebodys_by_now_is_not_taken_from_them(
    server: Server, alice: Person, bob: Person
) -> None:
    taken = alice.http.post("/api/me/email", json={"email": bob.email.upper(), "password": PASSWORD})
    assert problem(taken) == (409, "email_taken")

    new = f"new-{alice.email}"
    alice.http.post("/api/me/email", json={"email": new, "password": PASSWORD}).raise_for_status()
    token = mailed.token_to(new, mailed.VERIFY)
    faster = {"email": new, "name": "Faster", "password": PASSWORD}
    assert httpx.post(f"{server.url}/register", json=faster).status_code == 201

    assert problem(alice.http.post("/email/verify", json={"token": token})) == (409, "email_taken")
    assert alice.http.get("/me").json()["email"] == alice.email


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"email": "new@example.org", "password": "not the password"}, (403, "wrong_password")),
        ({"email": "nothing", "password": PASSWORD}, (422, "invalid_email")),
        ({"email": "new@example.org"}, (400, "invalid_body")),
    ],
)
def test_an_address_is_changed_by_who_knows_the_password(
    alice: Person, body: dict[str, str], expected: tuple[int, str]
) -> None:
    assert problem(alice.http.post("/api/me/email", json=body)) == expected
    assert mailed.mails_to("new@example.org") == []


def test_the_mail_that_verifies_an_address_is_sent_again_and_the_older_one_is_dead_then(alice: Person) -> None:
    first = mailed.token_to(alice.email, mailed.VERIFY)
    assert alice.http.post("/api/me/email/verification").status_code == 202
    second = mailed.token_to(alice.email, mailed.VERIFY, 2)

    assert problem(alice.http.post("/email/verify", json={"token": first})) == (422, "bad_mailed_token")
    assert alice.http.get("/me").json()["verified"] is False
    assert alice.http.post("/email/verify", json={"token": second}).status_code == 204
    assert alice.http.get("/me").json()["verified"] is True
    assert alice.http.post("/api/me/email/verification").status_code == 202, "and nothing is to be done"


def test_there_is_an_end_to_mails(alice: Person) -> None:
    answers = [alice.http.post("/api/me/email/verification") for _ in range(5)]
    mailed.mail_to(alice.email, mailed.VERIFY, 5)

    assert [each.status_code for each in answers[:4]] == [202] * 4
    assert problem(answers[4]) == (409, "too_many_mails")
    assert len(mailed.mails_to(alice.email)) == 5


def test_whoever_is_a_last_owner_hands_over_before_leaving_for_good(alice: Person, bob: Person) -> None:
    garden, alone, old = alice.project("Garden"), alice.project("Alone"), alice.project("Old")
    both, his = alice.project("Both"), bob.project("His")
    for project, person, other, role in [
        (garden, alice, bob, "editor"), (both, alice, bob, "owner"), (his, bob, alice, "viewer"),
    ]:  # fmt: skip
        body = {"userId": other.user_id, "role": role}
        person.http.post(f"/api/projects/{project}/members", json=body).raise_for_status()
    alice.http.delete(f"/api/projects/{old}").raise_for_status()

    refused = close(alice)

    assert problem(refused) == (409, "last_owner")
    assert refused.json()["projects"] == [
        {"projectId": garden, "name": "Garden"}, {"projectId": alone, "name": "Alone"},
    ]  # fmt: skip
    assert len(items(bob, f"/api/projects/{his}/members")) == 2, "none is left before all can be"

    alice.http.post(f"/api/projects/{garden}/members/{bob.user_id}/ownership").raise_for_status()
    alice.http.delete(f"/api/projects/{alone}").raise_for_status()
    assert close(alice).status_code == 204
    for project in (garden, both, his):
        assert [each["name"] for each in items(bob, f"/api/projects/{project}/members")] == ["Bob"]


def close(person: Person, password: str = PASSWORD) -> httpx.Response:
    """What is answered who closes the account."""
    return person.http.request("DELETE", "/api/me", json={"password": password})


def test_the_last_administrator_is_told_so_before_any_project_is_left(
    alice: Person, bob: Person, module_database_url: str
) -> None:
    garden = alice.project("Garden")
    body = {"userId": bob.user_id, "role": "owner"}
    alice.http.post(f"/api/projects/{garden}/members", json=body).raise_for_status()
    alice.promote(module_database_url)

    assert problem(close(alice)) == (409, "last_administrator")
    assert alice.http.get(f"/api/projects/{garden}").status_code == 200

    bob.promote(module_database_url)
    assert close(alice).status_code == 204


def test_wrong_current_passwords_are_throttled(module_database_url: str) -> None:
    with Server("--database-url", module_database_url, COLLABCAMPUS_LOGIN_RATE="3") as strict:
        person = Person(strict.url, "Carol")
        guesses = (
            lambda: person.http.put("/api/me/password", json={"currentPassword": "a guess", "password": NEW}),
            lambda: person.http.post("/api/me/email", json={"email": "new@example.org", "password": "a guess"}),
            lambda: close(person, "a guess"),
        )
        assert [problem(guess()) for guess in guesses] == [(403, "wrong_password")] * 3
        assert [problem(guess()) for guess in guesses] == [(429, "rate_limited")] * 3
        assert problem(close(person)) == (429, "rate_limited"), "the right one waits, too"
        assert person.http.get("/me").status_code == 200


def test_a_closed_account_is_forgotten_on_every_node_and_its_words_stay(
    server: Server, elsewhere: str, alice: Person, bob: Person
) -> None:
    garden = bob.project("Garden")
    bob.http.post(f"/api/projects/{garden}/members", json={"userId": alice.user_id, "role": "editor"})
    alice.http.post(f"/api/projects/{garden}/messages", json={"text": "Hello"}).raise_for_status()
    bearer = {"authorization": f"Bearer {bob.token}"}
    there = f"{elsewhere}/api/projects/{garden}/members"
    assert "Alice" in httpx.get(there, headers=bearer).text, "and the other node remembers the name"
    socket, his = RawSocket(elsewhere, alice.token), RawSocket(server.url, bob.token)
    his.ask("join_project", {"projectId": garden})

    assert problem(close(alice, "not the password")) == (403, "wrong_password")
    assert close(alice).status_code == 204

    assert socket.closed_within(5)
    for url in (server.url, elsewhere):
        assert problem(me(url, alice.token)) == (401, "session_ended")
    assert problem(alice.http.post("/refresh", json={"refreshToken": alice.refresh_token}))[0] == 401
    assert problem(alice.http.post("/login", json={"email": alice.email, "pwd": PASSWORD}))[1] == "bad_credentials"
    assert items(bob, f"/api/projects/{garden}/messages")[0]["author"] == alice.user_id
    for url in (server.url, elsewhere):
        former = httpx.get(f"{url}/api/projects/{garden}/members?former=true", headers=bearer).json()["items"]
        assert former == [{"userId": alice.user_id, "name": "Former member", "role": None}]
    event = bob.http.get(f"/api/projects/{garden}/events").json()["items"][-1]
    assert (event["type"], event["actor"]) == ("MemberRemoved", alice.user_id)
    his.close()


def test_the_address_of_a_closed_account_is_free_for_somebody_new(server: Server, alice: Person, bob: Person) -> None:
    alice.verified()
    assert close(alice).status_code == 204
    again = {"email": alice.email, "name": "Alice", "password": NEW}

    user = httpx.post(f"{server.url}/register", json=again).json()["user"]

    assert user["id"] != alice.user_id
    garden = bob.project("Garden")
    by_id = bob.http.post(f"/api/projects/{garden}/members", json={"userId": alice.user_id, "role": "viewer"})
    assert problem(by_id) == (404, "user_not_found")
    by_email = bob.http.post(f"/api/projects/{garden}/members", json={"email": alice.email, "role": "viewer"})
    assert by_email.json()["userId"] == user["id"]
