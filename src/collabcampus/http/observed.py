"""What is noted of every HTTP request: its time and status by route, its span, and its id in all log lines of it."""

import re
from time import perf_counter
from typing import Any

import structlog
import uuid_utils
from litestar.types import ASGIApp

from collabcampus.telemetry import metrics, traces

REQUEST_ID = b"x-request-id"
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER_METHOD = "other"
GONE = 499
"""The status of a request whose client did not wait for the answer, as nginx has it."""
_GIVEN = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def observed(app: ASGIApp) -> Any:
    """This application, with its requests noted. An `X-Request-Id` that a proxy gave is kept if it is a plain one."""

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        request_id = _id_of(scope["headers"])
        noted = _Noted(send, request_id)
        method = scope["method"] if scope["method"] in METHODS else OTHER_METHOD
        began = perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()), traces.request(scope) as span:
            try:
                await app(scope, receive, noted)
            finally:
                route = scope.get("path_template") or metrics.UNMATCHED
                # Until the answer begins: one that streams the log may go on for hours.
                metrics.http(method, route, noted.status).observe((noted.began or perf_counter()) - began)
                if span:
                    traces.answered(span, method, route, noted.status)

    return noting


class _Noted:
    """Sends on what is answered, and remembers the status, and when it began."""

    def __init__(self, send: Any, request_id: bytes) -> None:
        self._send, self._request_id = send, request_id
        self.status, self.began = GONE, 0.0

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.began = message["status"], perf_counter()
            message["headers"] = [*message["headers"], (REQUEST_ID, self._request_id)]
        await self._send(message)


def _id_of(headers: Any) -> bytes:
    given: bytes = next((value for name, value in headers if name == REQUEST_ID), b"")
    return given if _GIVEN.fullmatch(given) else str(uuid_utils.uuid7()).encode()
