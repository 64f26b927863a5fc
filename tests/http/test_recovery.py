"""Forgotten passwords over HTTP: nobody learns who is registered, and a mailed token opens once."""

import uuid

import httpx
import pytest

import mailed
from answering import problem
from running import PASSWORD, Person, Server
from sockets.raw import RawSocket

NEW = "another long password"


@pytest.fixture
def alice(server: Server) -> Person:
    return Person(server.url, "Alice")


def forgot(server: Server, email: str) -> httpx.Response:
    """What is answered who says this."""
    return httpx.post(f"{server.url}/password/forgot", json={"email": email})


def reset(server: Server, token: str, password: str = NEW) -> httpx.Response:
    """What is answered who brings a token."""
    return httpx.post(f"{server.url}/password/reset", json={"token": token, "password": password})


def login(server: Server, person: Person, password: str) -> httpx.Response:
    """What is answered who signs in."""
    return httpx.post(f"{server.url}/login", json={"email": person.email, "pwd": password})


def test_whoever_asks_learns_nothing_of_who_is_registered(server: Server, alice: Person) -> None:
    known, unknown, none = (forgot(server, each) for each in (alice.email, f"{uuid.uuid4()}@example.org", "nothing"))

    told = {(each.status_code, each.text, frozenset(each.headers)) for each in (known, unknown, none)}
    assert len(told) == 1
    assert known.status_code == 202


def test_a_mailed_token_sets_a_new_password_once_and_ends_all_sessions(server: Server, alice: Person) -> None:
    socket = RawSocket(server.url, alice.token)
    forgot(server, alice.email.upper())
    token = mailed.token_to(alice.email, mailed.RESET)

    weak = reset(server, token, "short")
    assert problem(weak) == (422, "weak_password")
    assert reset(server, token).status_code == 204

    assert problem(alice.http.get("/me")) == (401, "session_ended")
    assert problem(alice.http.post("/refresh", json={"refreshToken": alice.refresh_token}))[0] == 401
    assert socket.closed_within(5)
    assert problem(login(server, alice, PASSWORD)) == (401, "bad_credentials")
    signed_in = login(server, alice, NEW)
    assert problem(reset(server, token, PASSWORD)) == (422, "bad_mailed_token")
    bearer = {"authorization": f"Bearer {signed_in.json()['token']}"}
    assert httpx.get(f"{server.url}/me", headers=bearer).json()["verified"] is True, "its mail was read"
    assert mailed.mail_to(alice.email, mailed.CHANGED)


def test_a_newer_token_takes_the_older_ones_place(server: Server, alice: Person) -> None:
    tokens = []
    for nth in (1, 2):
        forgot(server, alice.email)
        tokens.append(mailed.token_to(alice.email, mailed.RESET, nth))

    assert problem(reset(server, tokens[0])) == (422, "bad_mailed_token")
    assert reset(server, tokens[1]).status_code == 204


def test_another_password_or_address_makes_a_mailed_token_dead(server: Server, alice: Person) -> None:
    forgot(server, alice.email)
    first = mailed.token_to(alice.email, mailed.RESET)
    alice.http.put("/api/me/password", json={"currentPassword": PASSWORD, "password": NEW}).raise_for_status()
    assert problem(reset(server, first)) == (422, "bad_mailed_token")

    forgot(server, alice.email)
    second = mailed.token_to(alice.email, mailed.RESET, 2)
    new = f"new-{alice.email}"
    alice.http.post("/api/me/email", json={"email": new, "password": NEW}).raise_for_status()
    alice.http.post("/email/verify", json={"token": mailed.token_to(new, mailed.VERIFY)}).raise_for_status()
    assert problem(reset(server, second)) == (422, "bad_mailed_token")


def test_another_password_keeps_an_address_from_being_changed_by_who_knew_the_old_one(
    server: Server, alice: Person
) -> None:
    thiefs = f"thief-{alice.email}"
    alice.http.post("/api/me/email", json={"email": thiefs, "password": PASSWORD}).raise_for_status()
    token = mailed.token_to(thiefs, mailed.VERIFY)
    forgot(server, alice.email)
    assert reset(server, mailed.token_to(alice.email, mailed.RESET)).status_code == 204

    verify = {"token": token, "password": PASSWORD}
    assert problem(httpx.post(f"{server.url}/email/verify", json=verify)) == (422, "bad_mailed_token")
    assert login(server, alice, NEW).status_code == 200


def test_a_token_opens_what_it_was_mailed_for_alone(server: Server, alice: Person) -> None:
    verifying = mailed.token_to(alice.email, mailed.VERIFY)
    forgot(server, alice.email)
    resetting = mailed.token_to(alice.email, mailed.RESET)

    assert problem(reset(server, verifying)) == (422, "bad_mailed_token")
    for token in (resetting, alice.token, "nonsense", "\0", ""):
        answer = alice.http.post("/email/verify", json={"token": token})
        assert problem(answer) == (422, "bad_mailed_token")


def test_mail_alone_verifies_no_address(server: Server, alice: Person) -> None:
    token, bob = mailed.token_to(alice.email, mailed.VERIFY), Person(server.url, "Bob")
    asked = {"name": "a script", "scopes": ["write"], "password": PASSWORD}
    script = alice.http.post("/api/me/tokens", json=asked).json()["token"]
    for bearer, body, expected in [
        (None, {}, (401, "token_missing")),
        (bob.token, {}, (422, "bad_mailed_token")),
        (script, {}, (403, "scope_missing")),
        (alice.token, {"password": NEW}, (403, "wrong_password")),
    ]:
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        answer = httpx.post(f"{server.url}/email/verify", json={"token": token, **body}, headers=headers)
        assert problem(answer) == expected
        assert alice.http.get("/me").json()["verified"] is False

    verify = {"token": token, "password": PASSWORD}
    assert httpx.post(f"{server.url}/email/verify", json=verify).status_code == 204
    assert alice.http.get("/me").json()["verified"] is True


def test_the_link_leads_to_the_servers_own_address_with_the_token_in_its_fragment(
    server: Server, alice: Person
) -> None:
    forgot(server, alice.email)
    mail = mailed.mail_to(alice.email, mailed.RESET)

    assert f"{server.url}/reset-password#token={mailed.token_in(mail)}" in mail.get_content()
    assert (mail["from"], mail["auto-submitted"]) == ("CollabCampus <collabcampus@localhost>", "auto-generated")
    assert "Alice" not in mail.get_content(), "nobody writes through us"
