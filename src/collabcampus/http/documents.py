"""Documents that are generated from the code and served as they are."""

from collections.abc import Callable

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler


def published(path: str, media_type: str, made: Callable[[], bytes]) -> HTTPRouteHandler:
    """A document at a path, for everybody; it is made when somebody asks for it."""

    @get(path, include_in_schema=False, sync_to_thread=False, name=path)
    def document() -> Response[bytes]:
        return Response(made(), media_type=media_type, headers={"Cache-Control": "no-cache"})

    return document
