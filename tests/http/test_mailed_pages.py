"""Mailed links lead to pages of the server's own, and those do what the mail says: in a real browser."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

import mailed
from collabcampus.http.mailed_pages import POLICY
from running import PASSWORD, Person, Server
from test_browser import CHROMIUM

NEW = "another long password"
WITHIN_S = 20


def link_in(email: str, subject: str) -> str:
    """The link in a mail."""
    (found,) = re.findall(r"^http\S+", mailed.mail_to(email, subject).get_content(), re.MULTILINE)
    return str(found).strip()


@pytest.fixture
def alice(server: Server) -> Person:
    return Person(server.url, "Alice")


def test_both_links_lead_to_pages_that_run_their_one_script_alone(server: Server, alice: Person) -> None:
    httpx.post(f"{server.url}/password/forgot", json={"email": alice.email})
    for subject in (mailed.VERIFY, mailed.RESET):
        link = link_in(alice.email, subject)
        page = httpx.get(link)

        assert link.startswith(server.url)
        assert urlsplit(link).query == ""
        assert (page.status_code, page.headers["content-security-policy"]) == (200, POLICY)
        assert "unsafe" not in POLICY.partition("script-src")[2]
        assert page.text.count("<script") == 1
        assert not re.search(r"src=|href=|https?://|\son\w+=", page.text)


class Browser:
    """A page in a browser that is told what to do."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._number = connection, 0

    def asked(self, method: str, **given: Any) -> Any:
        """What the browser answers."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": given}))
        while (answer := json.loads(self._connection.recv(WITHIN_S))).get("id") != self._number:
            pass
        return answer["result"]

    def said(self, script: str) -> Any:
        """What a script in the page gives."""
        return self.asked("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def waits(self, script: str, wanted: str) -> None:
        """Until what the script gives has this in it."""
        end = time.monotonic() + WITHIN_S
        while wanted not in str(told := self.said(script)):
            assert time.monotonic() < end, told
            time.sleep(0.05)

    def fills(self, link: str, password: str, outcome: str) -> None:
        """Open a link, enter the password, and see what it says."""
        self.asked("Page.navigate", url="about:blank")
        self.asked("Page.navigate", url=link)
        self.waits("location.href + document.readyState", link.partition("#")[0] + "complete")
        self.said(f"document.forms[0].password.value = {json.dumps(password)}")
        self.said("document.querySelector('button').click()")
        self.waits("document.querySelector('output').textContent", outcome)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
    port_file = tmp_path / "DevToolsActivePort"
    command = [str(CHROMIUM), *options, "--remote-debugging-port=0", f"--user-data-dir={tmp_path}"]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        end = time.monotonic() + WITHIN_S
        while not port_file.is_file() or not port_file.read_text().strip():
            assert time.monotonic() < end, "the browser does not start"
            time.sleep(0.05)
        listed = f"http://127.0.0.1:{port_file.read_text().split()[0]}/json/list"
        (page,) = (each for each in httpx.get(listed).json() if each["type"] == "page")
        with connect(page["webSocketDebuggerUrl"]) as connection:
            yield Browser(connection)
    finally:
        os.killpg(started.pid, signal.SIGKILL)  # its helpers too: they are its group
        started.wait()


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_the_pages_do_what_the_mail_says_and_tell_what_is_wrong(
    server: Server, alice: Person, browser: Browser
) -> None:
    link = link_in(alice.email, mailed.VERIFY)
    browser.fills(link, PASSWORD, "The address is confirmed")
    assert alice.http.get("/me").json()["verified"] is True
    browser.fills(link, PASSWORD, "This token was used")

    httpx.post(f"{server.url}/password/forgot", json={"email": alice.email})
    link = link_in(alice.email, mailed.RESET)
    browser.fills(link, "short", "too weak")
    browser.fills(link, NEW, "The password is set")
    assert httpx.post(f"{server.url}/login", json={"email": alice.email, "pwd": NEW}).status_code == 200
    browser.fills(link.partition("#")[0], NEW, "There is no code")
