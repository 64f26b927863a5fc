"""Documents that are generated from the code and served as they are."""

from collections.abc import Callable
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler


def published(path: str, media_type: str, made: Callable[[str], bytes]) -> HTTPRouteHandler:
    """A document at a path, for everybody; it is made for the host that somebody asks for it."""

    @get(path, include_in_schema=False, sync_to_thread=False, name=path)
    def document(request: Request[Any, Any, Any]) -> Response[bytes]:
        host = request.headers.get("host", "")
        return Response(made(host), media_type=media_type, headers={"Cache-Control": "no-cache"})

    return document
