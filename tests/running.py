"""`collabcampus serve` as a process, and people to talk to it."""

import os
import queue
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import psycopg

import mailed

COLLABCAMPUS = Path(sys.executable).parent / "collabcampus"
READY = "collabcampus ready on "
READY_WITHIN_S = 60
STOPPED_WITHIN_S = 20
PASSWORD = "a long enough password"
IN_PRODUCTION = {"COLLABCAMPUS_MAIL": mailed.URL, "COLLABCAMPUS_LINKS_TO": "https://campus.example"}
"""What a server needs beside `--production`."""


class Server:
    """A running server; `url` is where it listens."""

    def __init__(self, *options: str, command: Path | list[str] = COLLABCAMPUS, **environ: str) -> None:
        program = command if isinstance(command, list) else [str(command)]
        self._command = [*program, "serve", "--port", "0", *options]
        self._environ = {**os.environ, "COLLABCAMPUS_MAIL": mailed.URL, **environ}
        self.process: subprocess.Popen[str] | None = None
        self.url = ""
        self.errors = ""
        self.security = ""
        """The lines of the security log: they are no errors."""

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> "Server":
        """Start, and wait for the line that says where it listens."""
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self._environ, cwd="/"
        )
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read_out, args=(lines,), daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()
        while True:
            try:
                line = lines.get(timeout=READY_WITHIN_S)
            except queue.Empty:
                raise AssertionError(f"not ready in time: {self.errors}") from None
            if line.startswith(READY):
                self.url = line.removeprefix(READY).strip()
                return self
            assert line, f"it ended before it was ready: {self.errors}"

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOPPED_WITHIN_S)

    def kill(self) -> None:
        """kill -9."""
        assert self.process
        self.process.kill()
        self.process.wait(STOPPED_WITHIN_S)

    def _read_out(self, lines: "queue.Queue[str]") -> None:
        assert self.process
        assert self.process.stdout
        for line in self.process.stdout:
            lines.put(line)
        lines.put("")

    def _read_errors(self) -> None:
        assert self.process
        assert self.process.stderr
        for line in self.process.stderr:
            if '"event": "security"' in line:
                self.security += line
            else:
                self.errors += line


class Person:
    """Somebody registered, with an HTTP client that is signed in."""

    def __init__(self, url: str, name: str) -> None:
        self.email = f"{name.lower()}-{uuid.uuid4()}@example.org"
        self.http = httpx.Client(base_url=url, timeout=20)
        answer = self.http.post("/register", json={"email": self.email, "name": name, "password": PASSWORD})
        assert answer.status_code == 201, answer.text
        self.user_id: str = answer.json()["user"]["id"]
        self.token: str = answer.json()["token"]
        self.refresh_token: str = answer.json()["refreshToken"]
        self.http.headers["authorization"] = f"Bearer {self.token}"

    def promote(self, database_url: str) -> "Person":
        """Make them an administrator, as no client can."""
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("UPDATE accounts SET admin = true WHERE user_id = %s", (self.user_id,))
        return self

    def verified(self) -> "Person":
        """The same person, who has verified the address with what was mailed to it."""
        token = mailed.token_to(self.email, mailed.VERIFY)
        answer = self.http.post("/email/verify", json={"token": token})
        assert answer.status_code == 204, answer.text
        return self

    def project(self, name: str = "Garden", **fields: Any) -> str:
        """The id of a new project."""
        answer = self.http.post("/api/projects", json={"name": name, **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["projectId"])

    def task(self, project_id: str, title: str = "Dig", **fields: Any) -> str:
        """The id of a new task."""
        answer = self.http.post(f"/api/projects/{project_id}/tasks", json={"title": title, **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["taskId"])
