"""The seven steps of the seed, with npm's unmodified client in Node against the running server."""

import shutil
import subprocess
from pathlib import Path

import pytest

from running import Server
from sockets import conftest

server = conftest.server  # on both paths, as all tests of the sockets
JS = Path(__file__).parent / "js"

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (JS / "node_modules" / "socket.io-client").is_dir(),
    reason="there is no node, or scripts/test has not installed the JavaScript client",
)


@needs_node
@pytest.mark.parametrize("transport", ["websocket", "polling", "polling+websocket"])
def test_the_seven_steps_work_with_the_stock_javascript_client(server: Server, transport: str) -> None:
    done = subprocess.run(
        ["node", str(JS / "seven_steps.mjs"), server.url, transport], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert server.errors == ""
