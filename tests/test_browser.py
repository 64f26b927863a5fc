"""The seven steps in a page of a real browser, from an allowed origin; and a page from elsewhere reaches nothing.

The page reports to the little server that it came from, so nothing drives the browser.
"""

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from running import Person, Server
from test_seven_steps import JS, TRANSPORTS

NAMES = ("chromium", "chromium-browser", "google-chrome")


def runs(command: str | None) -> bool:
    """Whether it is a browser, and not what only says where to get one."""
    return command is not None and subprocess.run([command, "--version"], capture_output=True).returncode == 0


CHROMIUM = next(filter(runs, map(shutil.which, NAMES)), None)
CLIENT = JS / "node_modules" / "socket.io-client" / "dist" / "socket.io.esm.min.js"
SERVED = {
    each.name: each for each in (*(JS / "browser").iterdir(), JS / "client.mjs", JS / "seven_steps.mjs", CLIENT)
}
KINDS = {".html": "text/html", ".mjs": "text/javascript", ".js": "text/javascript"}
WITHIN_S = 45
LETS_IN = {
    "called": [201, 200, 200, 200, 200, True],
    "with_cookies": 200,
    "websocket_origin": True,
    "polling_origin": True,
}
FAILED = "TypeError: Failed to fetch"
KEEPS_OUT = {"called": FAILED, "with_cookies": FAILED, "websocket_origin": False, "polling_origin": False}

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or not CLIENT.is_file(),
    reason="there is no chromium, or scripts/test has not installed the JavaScript clients",
)


class Site:
    """A web server of one origin that serves the page and hears what it found."""

    def __init__(self) -> None:
        self.found: queue.Queue[dict[str, Any]] = queue.Queue()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                file = SERVED.get(urlsplit(self.path).path.removeprefix("/"))
                self.send_response(200 if file else 404)
                self.send_header("content-type", KINDS[file.suffix] if file else "text/plain")
                self.end_headers()
                self.wfile.write(file.read_bytes() if file else b"")

            def do_POST(self) -> None:
                site.found.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Site":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def visit(self, profile: Path, **asked: Any) -> dict[str, Any]:
        """Have a browser visit the page; what it found."""
        page = f"{self.origin}/page.html?{urlencode(asked, doseq=True)}"
        said = profile.with_suffix(".log")
        options = (
            "--headless=new",
            "--enable-logging=stderr",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        )
        command = [str(CHROMIUM), *options, f"--user-data-dir={profile}", page]
        with said.open("w") as log:
            browser = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            return self.found.get(timeout=WITHIN_S)
        except queue.Empty:
            raise AssertionError(f"the page reported nothing in time: {said.read_text()}") from None
        finally:
            os.killpg(browser.pid, signal.SIGKILL)  # its helpers too: they are its group
            browser.wait()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture(scope="module")
def server(module_database_url: str, site: Site) -> Iterator[Server]:
    """Allows that site's origin, and no other."""
    with Server("--database-url", module_database_url, COLLABCAMPUS_ORIGINS=site.origin) as running:
        yield running


def test_the_seven_steps_work_in_a_browser_from_an_allowed_origin(server: Server, site: Site, tmp_path: Path) -> None:
    token = Person(server.url, "Dora").token
    found = site.visit(tmp_path, server=server.url, token=token, steps=TRANSPORTS)

    assert found == dict.fromkeys(TRANSPORTS, "done") | LETS_IN
    assert server.errors == ""


def test_a_page_from_a_foreign_origin_is_refused_by_polling_websocket_and_http(
    server: Server, tmp_path: Path
) -> None:
    with Site() as foreign:
        found = foreign.visit(tmp_path, server=server.url, token=Person(server.url, "Erin").token)

    assert found == KEEPS_OUT
