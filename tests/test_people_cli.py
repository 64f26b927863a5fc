"""`collabcampus user …` and `token …`, in this process: each is a node of its own beside a running server."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import structlog
from typer.testing import CliRunner

from collabcampus.cli import cli
from running import PASSWORD, Person, Server
from sockets.raw import RawSocket

Run = Callable[..., Any]


@pytest.fixture
def run(module_database_url: str) -> Iterator[Run]:
    """Runs a command: exit status, standard output, standard error."""
    handlers = logging.root.handlers

    def running(*options: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(cli, [*options, "--database-url", module_database_url])
        return done.exit_code, done.stdout, done.stderr

    yield running
    structlog.reset_defaults()
    logging.root.handlers = handlers


@pytest.fixture
def told(run: Run) -> Run:
    """What a command that holds says as JSON."""

    def telling(*options: str) -> Any:
        status, output, errors = run(*options, "--json")
        assert status == 0, errors
        return json.loads(output)

    return telling


def test_people_are_administered_beside_a_running_server(server: Server, told: Run) -> None:
    boss = told("user", "add", "boss@example.org", "Boss", "--admin", "--password", PASSWORD)
    assert boss | {"userId": ""} == {"userId": "", "email": "boss@example.org", "name": "Boss", "admin": True}
    alice = Person(server.url, "Alice").verified()
    token = told("token", "add", alice.email, "--name", "nightly", "--scope", "write", "--days", "3")
    assert (token["scopes"], token["name"]) == (["read", "write"], "nightly")
    sockets = [RawSocket(server.url, each) for each in (alice.token, token["token"])]
    assert [each["tokenId"] for each in told("token", "list", alice.email)] == [token["tokenId"]]

    disabled = told("user", "disable", alice.email)
    assert (disabled["userId"], disabled["disabled"]) == (alice.user_id, True)
    assert all(each.closed_within(1.0) for each in sockets), "the server hears of it"
    assert alice.http.get("/me").status_code == 401
    assert not told("user", "enable", alice.email)["disabled"]
    assert told("user", "promote", alice.email)["admin"]
    assert [(each["email"], each["admin"]) for each in told("user", "list", "--q", "alice")] == [(alice.email, True)]
    assert not told("user", "demote", alice.email)["admin"]
    assert told("user", "end-sessions", alice.email) == {"ended": 1}


def test_whoever_is_added_is_not_signed_in_and_the_log_says_that_the_command_line_did_it(
    run: Run, told: Run, module_database_url: str
) -> None:
    person = told("user", "add", "carol@example.org", "Carol", "--password", PASSWORD)["userId"]
    told("user", "promote", "carol@example.org")
    token = told("token", "add", "carol@example.org", "--name", "nightly")["tokenId"]
    assert run("keys", "rotate")[0] == 0

    with psycopg.connect(module_database_url) as written:
        sessions = written.execute("SELECT session_id::text FROM sessions WHERE user_id = %s", (person,)).fetchall()
        entries = written.execute(
            "SELECT kind, detail->>'by' FROM security_log WHERE user_id = %s OR kind = 'key_rotated' ORDER BY entry",
            (person,),
        ).fetchall()
    assert sessions == [(token,)]
    assert entries == [
        (kind, "command line") for kind in ("registered", "person_promoted", "api_token_made", "key_rotated")
    ]


def test_a_token_is_printed_once_and_is_in_no_log_line(server: Server, run: Run) -> None:
    alice = Person(server.url, "Alice")

    _, printed, lines = run("token", "add", alice.email, "--name", "x")
    assert printed.startswith("ccp_")
    assert '"kind": "api_token_made"' in lines
    assert "ccp_" not in lines
    token_id, name, scopes, *_ = run("token", "list", alice.email)[1].split()
    assert (name, scopes) == ("x", "read")
    socket = RawSocket(server.url, printed.strip())
    assert run("token", "revoke", alice.email, token_id)[0] == 0
    assert socket.closed_within(1.0)
    assert run("token", "list", alice.email)[1] == "none\n"


def test_an_operator_acts_on_whoever_has_not_verified_the_address_but_makes_them_no_administrator(
    server: Server, told: Run, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = Person(server.url, "Alice")
    for setting in ("true", "false"):
        monkeypatch.setenv("COLLABCAMPUS_VERIFIED_ADDRESSES", setting)
        status, _, errors = run("user", "promote", alice.email)
        assert (status, "person_not_verified" in errors) == (1, True)
    monkeypatch.setenv("COLLABCAMPUS_VERIFIED_ADDRESSES", "true")
    assert told("user", "end-sessions", alice.email) == {"ended": 1}
    assert told("user", "disable", alice.email)["disabled"]


def test_what_cannot_be_done_is_said_in_words(run: Run, server: Server) -> None:
    alice = Person(server.url, "Alice")
    for options, code in [
        (("user", "disable", "nobody@example.org"), "person_not_found"),
        (("user", "promote", "no address"), "person_not_found"),
        (("token", "revoke", alice.email, "no-such-id"), "api_token_not_found"),
    ]:
        status, output, errors = run(*options)
        assert (status, output, code in errors) == (1, "", True)
    assert run("token", "add", alice.email, "--name", "x", "--scope", "account")[0] == 2
    assert run("token", "add", alice.email, "--name", "x", "--days", "366")[0] == 2
