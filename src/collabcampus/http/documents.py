"""Documents that are generated from the code and served as they are."""

from collections.abc import Callable
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

NOTHING_ELSE = "default-src 'none'; style-src 'unsafe-inline'"
"""The content security policy: the documents run no scripts and load nothing."""


def published(path: str, media_type: str, made: Callable[[str], bytes]) -> HTTPRouteHandler:
    """A document at a path, for everybody; it is made for the host that somebody asks for it."""

    @get(path, include_in_schema=False, sync_to_thread=False, name=path)
    def document(request: Request[Any, Any, Any]) -> Response[bytes]:
        headers = {"Content-Security-Policy": NOTHING_ELSE, "Cache-Control": "no-cache"}
        return Response(made(request.headers.get("host", "")), media_type=media_type, headers=headers)

    return document
