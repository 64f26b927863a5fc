"""HTTP requests of Engine.IO: what the protocol demands of them beyond python-engineio."""

import base64
import binascii
import urllib.parse
from typing import Any

from engineio.async_drivers.asgi import translate_request

BETWEEN = "\x1e"
"""What separates the packets of a body."""


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
