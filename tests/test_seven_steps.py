"""The seven steps of the seed, with unmodified clients against the running server."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from running import Server
from seven_steps import steps
from sockets import conftest

server = conftest.server  # on both paths, as all tests of the sockets
JS = Path(__file__).parent / "js"
TRANSPORTS = ("websocket", "polling", "polling+websocket")
JAVASCRIPT_CLIENTS = ("socket.io-client", "socket.io-client-4-6", "socket.io-client-4-0")
"""4.8, and older ones under names of their own."""

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not all((JS / "node_modules" / each).is_dir() for each in JAVASCRIPT_CLIENTS),
    reason="there is no node, or scripts/test has not installed the JavaScript clients",
)


@needs_node
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("client", JAVASCRIPT_CLIENTS)
def test_the_seven_steps_work_with_the_stock_javascript_client(server: Server, client: str, transport: str) -> None:
    done = subprocess.run(
        ["node", str(JS / "seven_steps.mjs"), server.url, transport],
        capture_output=True, text=True, timeout=60, env={**os.environ, "SOCKET_IO_CLIENT": client},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert server.errors == ""


@pytest.mark.anyio
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_seven_steps_work_with_the_stock_python_client(server: Server, transport: str) -> None:
    await steps(server.url, transport)

    assert server.errors == ""
