"""Two nodes behind HAProxy with TLS, as deploy/haproxy.cfg has it: stock clients stay with their node, and move when
it goes."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from running import Person, Server
from test_seven_steps import JS, needs_node

HAPROXY = shutil.which("haproxy")
CONFIGURATION = Path(__file__).parents[1] / "deploy" / "haproxy.cfg"
WITHIN_S = 30
RETRY_S = 0.05
TRANSPORTS = ("websocket", "websocket", "polling", "polling", "polling+websocket", "polling+websocket")
LOST = {"transport close", "transport error"}

pytestmark = pytest.mark.skipif(HAPROXY is None, reason="there is no haproxy, which is in Debian's packages")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class Campus:
    """Two nodes on one database, each with a data folder of its own, and the balancer before them."""

    def __init__(self, database_url: str, folder: Path) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            folder / "site.pem"
        )
        self.authority = folder / "ca.pem"
        self.url = f"https://localhost:{free_port()}"
        self.nodes = {
            name: Server(
                "--database-url", database_url, "--data", str(folder / name),
                COLLABCAMPUS_NODE=name, COLLABCAMPUS_PROXIES="127.0.0.1",
            )
            for name in "ab"
        }  # fmt: skip
        self._site = folder / "site.pem"
        self._stack = ExitStack()

    def __enter__(self) -> "Campus":
        addresses = {
            f"CAMPUS_NODE_{name.upper()}": self._stack.enter_context(node).url.removeprefix("http://")
            for name, node in self.nodes.items()
        }
        bind = self.url.replace("https://localhost", "127.0.0.1")
        environ = {**os.environ, **addresses, "CAMPUS_BIND": bind, "CAMPUS_PEM": str(self._site)}
        self._balancer = subprocess.Popen([str(HAPROXY), "-db", "-f", str(CONFIGURATION)], env=environ)
        self._stack.callback(self._balancer.wait, WITHIN_S)
        self._stack.callback(self._balancer.kill)
        self._until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def trust(self) -> ssl.SSLContext:
        """Trusts the balancer's certificate."""
        return ssl.create_default_context(cafile=str(self.authority))

    def _until_ready(self) -> None:
        deadline = time.monotonic() + WITHIN_S
        while True:
            assert self._balancer.poll() is None, "it ended: see its words"
            try:
                if httpx.get(f"{self.url}/health/ready", verify=self.trust).status_code == 200:
                    return
            except httpx.HTTPError:
                assert time.monotonic() < deadline, "the balancer does not answer in time"
            time.sleep(RETRY_S)


@pytest.fixture(scope="module")
def campus(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campus]:
    with Campus(module_database_url, tmp_path_factory.mktemp("campus")) as running:
        yield running


def test_nodes_with_data_folders_of_their_own_accept_each_others_tokens(campus: Campus) -> None:
    urls = [each.url for each in campus.nodes.values()]
    for here, there in (urls, reversed(urls)):
        token = Person(here, "Alice").token
        assert httpx.get(f"{there}/me", headers={"authorization": f"Bearer {token}"}).status_code == 200


def test_the_balancer_shows_no_metrics_and_says_who_asks_over_what(campus: Campus) -> None:
    assert httpx.get(f"{campus.url}/metrics", verify=campus.trust).status_code == 404
    opened = httpx.get(
        f"{campus.url}/socket.io/?EIO=4&transport=polling", verify=campus.trust, headers={"origin": campus.url}
    )
    assert opened.status_code == 200, "the page's own origin is https"


@needs_node
def test_stock_clients_of_both_transports_move_when_a_node_goes_and_nothing_is_lost(campus: Campus) -> None:
    environ = {**os.environ, "NODE_EXTRA_CA_CERTS": str(campus.authority)}
    command = ["node", str(JS / "through.mjs"), campus.url, *TRANSPORTS]
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as clients:
        assert clients.stdout
        assert clients.stdout.readline() == "writing\n", clients.communicate()[1]
        assert campus.nodes["a"].stop() == 0
        told, errors = clients.communicate(timeout=WITHIN_S)
    assert clients.returncode == 0, errors
    _holds(json.loads(told))


def _holds(found: dict[str, Any]) -> None:
    said, writers = found["said"], found["writers"]
    assert sorted(said) == sorted(text for each in writers for text in each["acknowledged"]), (
        "each once, and no other"
    )
    for each in writers:
        assert each["heard"] == list(range(1, found["head"] + 1)), "a gap, a double or a swap"
        assert each["nodes"][-1] == "b"
        assert set(each["reasons"]) <= LOST, "they would not come back by themselves"
    assert {each["nodes"][0] for each in writers} == {"a", "b"}
    assert all(each["nodes"] == ["b"] for each in writers if each["nodes"][0] == "b"), "who was on b stayed"
