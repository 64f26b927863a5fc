"""How OpenAPI describes the calls: ids that stay, what each docstring says, and the problems each may answer."""

from importlib.metadata import version
from inspect import cleandoc

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition
from msgspec import Struct

from collabcampus.domain.commands import camel
from collabcampus.http.access import READING
from collabcampus.http.manual import ManualPlugin
from collabcampus.http.problems import PROBLEM_JSON

_OF_THE_HOUSE = {"self", "request", "door", "identity", "openid", "ready"}
"""Parameters of handlers that no client sends."""
_ALWAYS = {503: "Busy, or the log cannot be reached; try again after `Retry-After`"}
_WITH_INPUT = {400: "The request is not what this call takes"}
_OPEN = {429: "Asked for too often; try again after `Retry-After`"}
_SIGNED_IN = {401: "Not signed in, or no longer", 403: "A token without the scope that this takes"}
_SPENDING = {429: "More than one may ask for at a time; try again after `Retry-After`"}
_FOR_ADMINISTRATORS = {403: "No administrator, or not signed in themselves", 409: "It disagrees with what is there"}
_NAMING = {404: "What it names does not exist for who asks"}
_CHANGING = {
    403: "A member without the right, or a token without the scope",
    409: "It disagrees with what is there",
    412: "The project has moved on since the position in `If-Match`",
    422: "It can never succeed as it is",
}


_OF_ACCOUNTS = {
    403: "A wrong password, or this server's rule",
    409: "It disagrees with what is there",
    422: "It can never succeed as it is",
}


class Problem(Struct):
    """Why a request was refused. Clients go by `code`; some have details beside it."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def configuration() -> OpenAPIConfig:
    """What Litestar's own OpenAPI is told."""
    return OpenAPIConfig(
        title="CollabCampus",
        version=version("collabcampus"),
        description="An event-sourced, real-time backend for project boards.",
        path="/schema",
        render_plugins=[ManualPlugin(), JsonRenderPlugin()],
        operation_id_creator=_operation_id,
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        security=[{"bearer": []}],
    )


def describe(application: Litestar) -> None:
    """Say of each call what its docstring says, and which problems it may answer."""
    for route in application.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                handler.summary, _, rest = cleandoc(handler.fn.__doc__ or "").partition("\n")
                handler.description = rest.strip() or None
                refusals = {
                    status: ResponseSpec(Problem, generate_examples=False, description=why, media_type=PROBLEM_JSON)
                    for status, why in _problems(route, handler).items()
                }
                handler.responses = {**(handler.responses or {}), **refusals}


def _problems(route: HTTPRoute, handler: HTTPRouteHandler) -> dict[int, str]:
    takes = handler.parsed_fn_signature.parameters
    signed_in = not handler.opt.get("exclude_from_auth")
    return {
        **(_WITH_INPUT if takes.keys() - _OF_THE_HOUSE else {}),
        **(_SIGNED_IN if signed_in else _OPEN if "data" in takes else {}),
        **(_FOR_ADMINISTRATORS if handler.opt.get("administrators") else {}),
        **(_NAMING if route.path_parameters else {}),
        **(_CHANGING if "intent" in takes else {}),
        **(_SPENDING if signed_in and not handler.http_methods <= {*READING} else {}),
        **(_OF_ACCOUNTS if {"identity", "data"} <= takes.keys() else {}),
        **_ALWAYS,
    }


def _operation_id(handler: HTTPRouteHandler, method: Method, _: list[str | PathParameterDefinition]) -> str:
    """The handler's name, which is unique: `listColumns`; one that takes two methods says which."""
    name = camel(handler.handler_name)
    return name if len(handler.http_methods) == 1 else f"{name}By{method.title()}"
