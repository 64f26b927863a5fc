"""Documents that are generated from the code and served as they are."""

from collections.abc import Callable
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler


def published(path: str, media_type: str, made: Callable[[str], bytes], policy: str = "") -> HTTPRouteHandler:
    """A document at a path, for everybody; it is made for the host that somebody asks for it. `policy` is its content
    security policy, where that is another than usual."""
    headers = {"Cache-Control": "no-cache", **({"Content-Security-Policy": policy} if policy else {})}

    @get(path, include_in_schema=False, sync_to_thread=False, name=path, opt={"exclude_from_auth": True})
    def document(request: Request[Any, Any, Any]) -> Response[bytes]:
        return Response(made(request.headers.get("host", "")), media_type=media_type, headers=headers)

    return document
