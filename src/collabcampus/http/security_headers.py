"""What browsers are told with every answer, errors and Socket.IO's polls too: load, frame and guess nothing."""

from collections.abc import Iterator
from typing import Any

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The content security policy of an answer that is no page."""
PAGE = f"{NOTHING}; style-src 'unsafe-inline'"
"""That of our pages: they run no scripts and load nothing, but have their style with them."""
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
HSTS = (b"strict-transport-security", b"max-age=31536000")
NO_STORE, REVALIDATED = b"no-store", b"private, no-cache"
"""What is not kept at all, as tokens must not be; and what is asked for anew by its ETag."""


class SecurityHeaders:
    """Adds them to what an ASGI application answers; what a handler set itself stays."""

    def __init__(self, application: Any, *, https: bool) -> None:
        """`https`: that browsers come by it is known, also where a proxy does not say so."""
        self._application, self._https = application, https

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        https = self._https or scope["scheme"] == "https"

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
                message = {**message, "headers": headers + list(_missing(dict(headers), https))}
            await send(message)

        await self._application(scope, receive, sent)


def _missing(there: dict[bytes, bytes], https: bool) -> Iterator[tuple[bytes, bytes]]:
    there = {name.lower(): value for name, value in there.items()}
    is_page = there.get(b"content-type", b"").startswith(b"text/html")
    wanted = dict(ALWAYS)
    wanted[b"content-security-policy"] = (PAGE if is_page else NOTHING).encode()
    wanted[b"cache-control"] = REVALIDATED if b"etag" in there else NO_STORE
    if https:
        wanted.update([HSTS])
    yield from ((name, value) for name, value in wanted.items() if name not in there)
