"""Documents that are generated from the code and served as they are."""

from collections.abc import Callable

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler


def published(path: str, media_type: str, made: Callable[[], bytes], policy: str = "") -> HTTPRouteHandler:
    """A document at a path, for everybody; it is made when somebody asks for it. `policy` is its content security
    policy, where that is another than usual."""
    headers = {"Cache-Control": "no-cache", **({"Content-Security-Policy": policy} if policy else {})}

    @get(path, include_in_schema=False, sync_to_thread=False, name=path, opt={"exclude_from_auth": True})
    def document() -> Response[bytes]:
        return Response(made(), media_type=media_type, headers=headers)

    return document
