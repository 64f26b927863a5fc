"""Whom the server takes a client for: the peer, or whoever a proxy that it trusts says; each worker counts."""

import json
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from running import Person, Server

PER_ADDRESS, WORKERS = 2, 2
POLLING = "/socket.io/?EIO=4&transport=polling"
LIMITED = {"COLLABCAMPUS_SOCKETS_PER_ADDRESS": str(PER_ADDRESS)}


@pytest.fixture(scope="module")
def bare(module_database_url: str) -> Iterator[Server]:
    """Behind no proxy."""
    with Server("--database-url", module_database_url, **LIMITED) as running:
        yield running


@pytest.fixture(scope="module")
def behind(module_database_url: str) -> Iterator[Server]:
    """Two workers behind a proxy on this machine, which has others in a network before it."""
    options = ("--database-url", module_database_url, "--workers", str(WORKERS))
    with Server(*options, COLLABCAMPUS_PROXIES="127.0.0.1, 10.0.0.0/8", **LIMITED) as running:
        yield running


@pytest.fixture(scope="module")
def token(bare: Server) -> str:
    """Somebody's, at all servers on the database."""
    return Person(bare.url, "Alice").token


class Visitor:
    """Opens polling sessions that stay, each request on a connection of its own."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._http = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), timeout=20)

    def polling(self, server: Server, forwarded: str, **headers: str) -> int:
        """The status of a new session's handshake; it is let in, since it would be gone soon otherwise."""
        named = {"X-Forwarded-For": forwarded, **headers}
        opened = self._http.get(server.url + POLLING, headers=named)
        if opened.status_code == 200:
            path = f"{POLLING}&sid={json.loads(opened.text[1:])['sid']}"
            self._http.post(server.url + path, content="40" + json.dumps({"token": self._token}), headers=named)
        return opened.status_code


@pytest.fixture(scope="module")
def visitor(token: str) -> Visitor:
    return Visitor(token)


def websocket(server: Server, forwarded: str) -> int:
    """The status of a new websocket's handshake; the socket goes at once."""
    address = server.url.replace("http://", "ws://") + POLLING.replace("polling", "websocket")
    try:
        with connect(address, additional_headers={"X-Forwarded-For": forwarded}) as opened:
            opened.recv(5)
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def test_a_forged_header_makes_nobody_somebody_else(bare: Server, visitor: Visitor) -> None:
    opened = [visitor.polling(bare, f"192.0.2.{number}") for number in range(PER_ADDRESS + 2)]

    assert opened == [200] * PER_ADDRESS + [429] * 2
    assert websocket(bare, "192.0.2.100") == 429


def test_behind_a_proxy_the_client_is_counted_by_each_worker(behind: Server, visitor: Visitor) -> None:
    for forwarded in ("192.0.2.1", "6.6.6.6, 192.0.2.2, 10.1.2.3"):
        opened = [visitor.polling(behind, forwarded) for _ in range(PER_ADDRESS * WORKERS + 2)]
        assert sorted(opened) == [200] * PER_ADDRESS * WORKERS + [429] * 2
    assert [websocket(behind, each) for each in ("192.0.2.2", "7.7.7.7, 192.0.2.2", "192.0.2.3")] == [429, 429, 101]


def test_only_a_proxy_says_that_a_page_came_by_https(bare: Server, behind: Server, visitor: Visitor) -> None:
    for server, status in ((bare, 400), (behind, 200)):
        origin = server.url.replace("http://", "https://")
        assert visitor.polling(server, "192.0.2.9", **{"X-Forwarded-Proto": "https", "Origin": origin}) == status
