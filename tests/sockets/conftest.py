"""Every test of the sockets runs on both paths: our own websockets, and those of any ASGI server."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Server

ORDINARY = [sys.executable, str(Path(__file__).with_name("ordinary.py"))]


@pytest.fixture(scope="module", params=["wire", "ordinary"])
def server(request: pytest.FixtureRequest, module_database_url: str) -> Iterator[Server]:
    """`collabcampus serve` as a process of its own, for a whole file, on either path."""
    more = {"command": ORDINARY} if request.param == "ordinary" else {}
    with Server("--database-url", module_database_url, **more) as running:
        yield running
