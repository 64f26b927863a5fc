"""Signing up, in and out."""

import threading
import uuid
from collections.abc import Iterator

import httpx
import pytest
import socketio

import mailed
from answering import problem
from running import PASSWORD, Person, Server


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
        "id": person.user_id, "email": person.email, "name": "Carol", "verified": False,
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


def test_an_address_is_registered_once(server: Server, owner: Person) -> None:
    body = {"email": owner.email.upper(), "name": "Mallory", "password": PASSWORD}

    assert problem(httpx.post(f"{server.url}/register", json=body)) == (409, "email_taken")


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, "token_missing"), ("Basic abc", "token_missing"), ("Bearer abc", "token_invalid")],
)
def test_whoever_is_not_signed_in_is_told_why(server: Server, header: str | None, code: str) -> None:
    answer = httpx.get(f"{server.url}/me", headers={"Authorization": header} if header else {})

    assert problem(answer) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_refresh_token_used_twice_closes_the_sockets_of_its_session(module_database_url: str) -> None:
    with Server("--database-url", module_database_url, COLLABCAMPUS_REFRESH_GRACE="0") as server:
        person = Person(server.url, "Eve")
        gone, client = threading.Event(), socketio.Client(reconnection=False)
        client.on("disconnect", lambda *_: gone.set())
        client.connect(server.url, auth={"token": person.token}, transports=["polling"], wait_timeout=10)
        body = {"refreshToken": person.refresh_token}
        assert person.http.post("/refresh", json=body).status_code == 200
        assert not gone.is_set()

        assert problem(person.http.post("/refresh", json=body)) == (401, "bad_refresh_token")

        assert gone.wait(5), "its socket is open still"
        assert problem(person.http.get("/me")) == (401, "session_ended")


@pytest.fixture(scope="module")
def strict(module_database_url: str) -> Iterator[Server]:
    """A server, of two workers, for one domain's people, who are found by verified addresses alone."""
    settings = {"COLLABCAMPUS_REGISTRATION": "example.edu", "COLLABCAMPUS_VERIFIED_ADDRESSES": "true"}
    with Server("--workers", "2", "--database-url", module_database_url, **settings) as running:
        yield running


def test_where_domains_are_set_their_people_verify_the_address_before_they_sign_in(strict: Server) -> None:
    email = f"{uuid.uuid4()}@example.edu"
    body = {"email": email, "name": "Erin", "password": PASSWORD}
    elsewhere = httpx.post(f"{strict.url}/register", json={**body, "email": "erin@example.com"})
    assert problem(elsewhere) == (403, "address_not_allowed")
    assert elsewhere.json()["domains"] == ["example.edu"]

    registered = httpx.post(f"{strict.url}/register", json=body)
    assert (registered.status_code, registered.json()) == (202, {"verify": True})
    login = {"email": email, "pwd": PASSWORD}
    assert problem(httpx.post(f"{strict.url}/login", json=login)) == (403, "address_not_verified")
    mail = mailed.mail_to(email, mailed.VERIFY)
    assert f"\n{strict.url}/verify-email#token=" in mail.get_content(), "the address that is listened on"

    verify = {"token": mailed.token_in(mail), "password": PASSWORD}
    httpx.post(f"{strict.url}/email/verify", json=verify).raise_for_status()
    assert httpx.post(f"{strict.url}/login", json=login).status_code == 200


def test_an_address_finds_whoever_registered_with_it_or_has_verified_it_as_is_set(
    server: Server, strict: Server, owner: Person
) -> None:
    project, guests = owner.project(), [Person(server.url, "Guest") for _ in range(2)]
    bodies = [{"email": each.email, "role": "viewer"} for each in guests]
    unknown = {"email": "nobody@example.org", "role": "viewer"}

    def added(url: str, body: dict[str, str]) -> httpx.Response:
        headers = {"authorization": f"Bearer {owner.token}"}
        return httpx.post(f"{url}/api/projects/{project}/members", json=body, headers=headers)

    refused = added(strict.url, bodies[0])
    assert problem(refused) == (404, "user_not_found")
    assert refused.json() == added(strict.url, unknown).json(), "as with nobody at all"
    assert added(server.url, bodies[0]).status_code == 201
    guests[1].verified()
    assert added(strict.url, bodies[1]).status_code == 201
