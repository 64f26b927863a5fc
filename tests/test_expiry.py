"""An access token's end is its socket's end, unless it is renewed; a client comes back with a fresh one by itself."""

import json
import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from collabcampus.identity.keys import Keyring
from collabcampus.identity.tokens import Tokens
from running import Person, Server
from sockets.raw import RawSocket
from test_seven_steps import JAVASCRIPT_CLIENTS, JS, TRANSPORTS, needs_node

SECRET = "known to this test alone, and long enough"
SHORT_S, LEISURELY_S = 2, 6
"""The second is for what has to be done meanwhile, on a busy machine."""
CLOSED_WITHIN_S = 30
LONG_OVER_S, JUST_OVER_S = -60, -3
"""HTTP forgives a clock some seconds; a socket would be closed as soon as it was open."""


@pytest.fixture(scope="module")
def server(module_database_url: str) -> Iterator[Server]:
    with Server("--database-url", module_database_url, COLLABCAMPUS_SECRET=SECRET) as running:
        yield running
        assert running.errors == ""


@pytest.fixture(scope="module")
def alice(server: Server) -> Person:
    return Person(server.url, "Alice")


def token(person: Person, life_s: int) -> str:
    """A token of the person's session that ends so soon."""
    tokens = Tokens(Keyring.given(SECRET))
    return tokens.issue(person.user_id, tokens.check(person.token).session_id, life_s)


def test_the_socket_of_a_token_that_ends_is_closed(server: Server, alice: Person) -> None:
    socket = RawSocket(server.url, token(alice, SHORT_S))

    assert socket.closed_within(CLOSED_WITHIN_S)


def test_a_socket_renewed_in_place_outlives_its_first_token_and_ends_with_the_second(
    server: Server, alice: Person
) -> None:
    socket = RawSocket(server.url, token(alice, LEISURELY_S // 2))

    assert socket.ask("authenticate", {"token": token(alice, 2 * LEISURELY_S)}) == {"ok": True}
    time.sleep(LEISURELY_S // 2 + 0.2)
    assert socket.ask("leave_project", {"projectId": alice.user_id}) == {"ok": True}
    assert socket.closed_within(CLOSED_WITHIN_S)


def test_a_token_that_is_over_or_somebody_elses_renews_nothing(server: Server, alice: Person) -> None:
    bad = (
        (token(alice, LONG_OVER_S), "token_expired"),
        (token(alice, JUST_OVER_S), "token_expired"),
        (Person(server.url, "Bob").token, "invalid_payload"),
        ("nonsense", "token_invalid"),
    )
    socket = RawSocket(server.url, token(alice, LEISURELY_S))
    for renewed_with, code in bad:
        assert socket.ask("authenticate", {"token": renewed_with})["error"]["code"] == code

    assert socket.closed_within(CLOSED_WITHIN_S)


@pytest.mark.parametrize("life_s", [LONG_OVER_S, JUST_OVER_S])
def test_a_token_that_is_over_connects_nothing(server: Server, alice: Person, life_s: int) -> None:
    socket = RawSocket(server.url, None)
    socket.send("40" + json.dumps({"token": token(alice, life_s)}))

    answer = socket.next()
    assert answer.startswith("44"), answer
    assert json.loads(answer[2:])["data"] == {"code": "token_expired"}
    socket.close()


def test_a_session_that_has_ended_renews_nothing(server: Server) -> None:
    carol = Person(server.url, "Carol")
    ended = carol.token
    again = carol.http.post("/refresh", json={"refreshToken": carol.refresh_token}).json()["token"]
    other = carol.http.post("/login", json={"email": carol.email, "pwd": "a long enough password"}).json()["token"]
    socket = RawSocket(server.url, other)
    carol.http.post("/logout").raise_for_status()

    for each in (ended, again):
        assert socket.ask("authenticate", {"token": each})["error"]["code"] == "session_ended"
    assert not socket.closed_within(0.2)
    socket.close()


@needs_node
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("client", JAVASCRIPT_CLIENTS[:1])
def test_a_stock_client_comes_back_with_the_token_its_auth_gives_it_then(
    server: Server, alice: Person, client: str, transport: str
) -> None:
    script = subprocess.Popen(
        ["node", str(JS / "renewal.mjs"), server.url, transport],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "SOCKET_IO_CLIENT": client},
    )  # fmt: skip
    assert script.stdout
    assert script.stdout.readline() == "ready\n"  # only now does the short one begin
    told, failed = script.communicate(f"{token(alice, LEISURELY_S // 2)} {alice.token}\n", timeout=60)

    assert script.returncode == 0, failed
    assert "came back" in told
