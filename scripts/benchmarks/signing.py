"""Fifty people who sign in at once, and what everybody else notices: the time of `/health/live` meanwhile.

That call waits for nothing but the loop, so it tells from outside how long the loop is held. Passwords are hashed for
as long as the window is: whoever is let in signs in again.
"""

import http.client
import json
import statistics
import threading
import time
import uuid
from typing import Any

from load import Void

AT_ONCE = 50
ASKED_EACH_S = 0.005
PASSWORD = "a long enough password"


class Asking(threading.Thread):
    """Asks whether the server lives, again and again, until it is told to stop."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.taken: list[float] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        """Milliseconds of each answer go into `taken`."""
        while not self.stopping.wait(ASKED_EACH_S):
            began = time.perf_counter()
            self._connection.request("GET", "/health/live")
            self._connection.getresponse().read()
            self.taken.append((time.perf_counter() - began) * 1e3)
        self._connection.close()


def measured(port: int, seconds: float) -> dict[str, Any]:
    """A round: `lag` is the 99th percentile beside the sign-ins in milliseconds, `alone` without any."""
    email = f"{uuid.uuid4()}@example.org"
    _post(port, "/register", {"email": email, "name": "Alice", "password": PASSWORD}, 201)
    alone, _ = _beside(port, seconds / 2, 0, email)
    lag, signed_in = _beside(port, seconds, AT_ONCE, email)
    if signed_in < AT_ONCE:
        raise Void(f"{signed_in} sign-ins of {AT_ONCE} people at once")
    return {"alone": _p99(alone), "lag": _p99(lag), "worst": max(lag), "signIns": signed_in / seconds}


def _beside(port: int, seconds: float, people: int, email: str) -> tuple[list[float], int]:
    asking, until, done = Asking(port), time.monotonic() + seconds, [0] * people
    failed: list[str] = []

    def sign_in(nth: int) -> None:
        try:
            while time.monotonic() < until:
                _post(port, "/login", {"email": email, "pwd": PASSWORD}, 200)
                done[nth] += 1
        except (Void, OSError) as error:
            failed.append(str(error))

    threads = [threading.Thread(target=sign_in, args=(nth,), daemon=True) for nth in range(people)]
    asking.start()
    for each in threads:
        each.start()
    for each in threads:
        each.join(seconds + 30)
    time.sleep(max(0.0, until - time.monotonic()))
    asking.stopping.set()
    asking.join(30)
    if failed:
        raise Void(failed[0])
    return asking.taken, sum(done)


def _post(port: int, path: str, body: dict[str, str], expected: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status != expected:
        raise Void(f"{path} was answered {answer.status}: {said[:200]!r}")


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]
