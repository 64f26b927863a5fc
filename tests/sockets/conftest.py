"""Every test of the sockets runs on both paths: our own websockets, and those of any ASGI server."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from running import Server

ORDINARY = [sys.executable, str(Path(__file__).with_name("ordinary.py"))]


@pytest.fixture(scope="module", params=["wire", "ordinary"])
def server(request: pytest.FixtureRequest, module_database_url: str) -> Iterator[Server]:
    """`collabcampus serve` as a process of its own, for a whole file, on either path."""
    with on_path(request.param, module_database_url) as running:
        yield running


def on_path(path: str, database_url: str, **environ: str) -> Server:
    """A server on one of the two paths."""
    more: dict[str, Any] = {"command": ORDINARY} if path == "ordinary" else {}
    return Server("--database-url", database_url, **more, **environ)
