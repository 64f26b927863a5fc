"""Signing up, in and out."""

import uuid

import httpx
import pytest

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
