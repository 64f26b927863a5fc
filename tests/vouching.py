"""A real identity provider as a process, and a browser to sign in with."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx
import pytest

JS = Path(__file__).parent / "js"
BACK = "http://127.0.0.1:5173/signed-in"
"""The frontend's page that a sign-in leads back to; nobody need listen there."""
CLIENT = {"clientId": "campus", "clientSecret": "a secret : with + signs"}

needs_provider = pytest.mark.skipif(
    shutil.which("node") is None or not (JS / "node_modules" / "oidc-provider").is_dir(),
    reason="there is no node, or scripts/test has not installed the identity provider",
)


class IdentityProvider:
    """`oidc-provider` from npm, on a port of its own."""

    def __enter__(self) -> "IdentityProvider":
        self._process = subprocess.Popen(
            ["node", str(JS / "provider.mjs"), BACK],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.issuer: str = self._answer()["issuer"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)

    def person(self, subject: str, **claims: Any) -> None:
        """What is true of somebody from now on."""
        self._tell(person=subject, claims=claims)

    def rotate(self) -> None:
        """Sign with new keys, and publish no others."""
        self._tell(rotate=True)

    def settings(self, **more: Any) -> dict[str, Any]:
        """How the server's settings describe it."""
        return {"name": "campus", "title": "The campus", "issuer": self.issuer, **CLIENT, **more}

    def come_back(self, url: str, subject: str, **changed: str) -> dict[str, str]:
        """Sign somebody in where `url` leads, with parameters of it changed, and consent: what the browser comes
        back with."""
        with httpx.Client(base_url=self.issuer, timeout=20) as browser:
            answer = browser.get(with_parameters(url, **changed))
            while True:
                if answer.is_redirect:
                    target = answer.headers["location"]
                    if target.startswith(BACK):
                        return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
                    answer = browser.get(target)
                else:
                    answer = self._submitted(browser, answer, subject)

    def _submitted(self, browser: httpx.Client, page: httpx.Response, subject: str) -> httpx.Response:
        form = re.search(r'<form[^>]* action="([^"]+)"', page.text)
        prompt = re.search(r'name="prompt" value="(\w+)"', page.text)
        assert form, page.text
        assert prompt, page.text
        filled = {"prompt": prompt[1], "login": subject, "password": "any"}
        return browser.post(html.unescape(form[1]), data=filled)

    def _tell(self, **what: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the identity provider has ended"
        return dict(json.loads(line))


def with_parameters(url: str, **changed: str) -> str:
    """An address with some of its parameters changed."""
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changed
    return urlunsplit(parts._replace(query=urlencode(query)))
