"""HTTP requests of Engine.IO: what the protocol demands of them beyond python-engineio."""

import base64
import binascii
import urllib.parse
from typing import Any

import msgspec
from engineio.async_drivers.asgi import make_response, translate_request

from collabcampus.domain.errors import Busy, RateLimited, Refused
from collabcampus.live.pace import RETRY_AFTER_S
from collabcampus.sockets.handshake import EXTENSION
from collabcampus.sockets.limits import TOO_MANY_RETRY_AFTER_S

BETWEEN = "\x1e"
"""What separates the packets of a body."""
TOO_MANY, RESTARTING = "429 TOO MANY REQUESTS", "503 SERVICE UNAVAILABLE"
_SCHEMES = {"https": "https", "wss": "https"}


class Gone(Exception):
    """Whoever asked has left before the request was read."""


async def translated(*call: Any) -> dict[str, Any]:
    """A request as python-engineio reads it, which takes one that names no transport for polling."""
    environ: dict[str, Any] = await translate_request(*call)
    if not environ:
        raise Gone
    query = environ["QUERY_STRING"]
    if "transport" not in urllib.parse.parse_qs(query):
        environ["QUERY_STRING"] = f"{query}&transport=missing"
    # python-engineio believes an X-Forwarded-Proto from anybody; the server has looked who sent it.
    environ["wsgi.url_scheme"] = _SCHEMES.get(environ["asgi.scope"]["scheme"], "http")
    return environ


async def body_of(environ: dict[str, Any], limit: int) -> bytes:
    """The body of a POST; ValueError where there is none, too much of it, or less than was announced."""
    announced = int(environ.get("CONTENT_LENGTH") or 0)
    if announced > limit:
        raise ValueError("too large")
    body: bytes = await environ["wsgi.input"].read(limit + 1)
    if not 0 < len(body) <= limit or len(body) < announced:
        raise ValueError("empty, too large or cut short")
    return body


def packets_in(body: str) -> list[str | bytes]:
    """The packets of a POST; ValueError where one is no base64."""
    if body.startswith("d="):  # by JSONP
        body = urllib.parse.parse_qs(body).get("d", [""])[0]
    try:
        return [
            base64.b64decode(each[1:], validate=True) if each[:1] == "b" else each for each in body.split(BETWEEN)
        ]
    except binascii.Error as error:
        raise ValueError("no base64") from error


def too_many() -> dict[str, Any]:
    """The answer, as python-engineio has it, to who opens a session more than one may."""
    return _refusal(TOO_MANY, RateLimited(retryAfter=TOO_MANY_RETRY_AFTER_S))


def restarting() -> dict[str, Any]:
    """The answer to who opens a session at a server that stops: another one, or its successor, takes it."""
    return _refusal(RESTARTING, Busy(retryAfter=RETRY_AFTER_S))


def _refusal(status: str, refused: Refused) -> dict[str, Any]:
    number = int(status.partition(" ")[0])
    problem = {"type": "about:blank", "title": refused.message, "status": number, "detail": refused.message}
    body = msgspec.json.encode({**problem, "code": refused.code, **refused.details})
    headers = [("Content-Type", "application/problem+json"), ("Retry-After", str(refused.details["retryAfter"]))]
    return {"status": status, "headers": headers, "response": body}


async def respond(status: str, headers: list[tuple[str, str]], payload: bytes, environ: dict[str, Any]) -> None:
    """Answer a request. Who asked for a websocket hears why there is none here, and not 403 as for all else."""
    scope, send = environ["asgi.scope"], environ["asgi.send"]
    if status not in {TOO_MANY, RESTARTING} or "websocket.http.response" not in scope.get("extensions", {}):
        await make_response(status, headers, payload, environ)
        return
    extensions = scope["extensions"]
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "websocket.http.response.start", "status": int(status[:3]), "headers": raw})
    await send({"type": "websocket.http.response.body", "body": payload})
    if offered := extensions.get(EXTENSION):
        offered.handshake_complete = True  # uvicorn forgets to say so, and logs it as an error of ours
        extensions.clear()  # breaks a cycle
