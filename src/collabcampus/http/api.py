"""The Litestar application: every controller, errors as problems, OpenAPI served at `/schema`."""

from importlib.metadata import version
from typing import Any

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, ScalarRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from collabcampus.http import access, problems
from collabcampus.http.activity import ActivityController
from collabcampus.http.door import Door
from collabcampus.http.health import HealthController, Ready
from collabcampus.http.me import MeController
from collabcampus.http.people import PeopleController
from collabcampus.http.projects import ProjectsController
from collabcampus.http.search import SearchController
from collabcampus.http.tasks import TasksController


def build(door: Door, ready: Ready, *, origins: tuple[str, ...], body_limit: int) -> Litestar:
    """The HTTP side; `origins` may call it from a browser, `body_limit` is in bytes."""

    def provide(value: Any) -> Provide:
        return Provide(lambda: value, sync_to_thread=False)

    return Litestar(
        route_handlers=[
            HealthController,
            PeopleController,
            ProjectsController,
            TasksController,
            MeController,
            SearchController,
            ActivityController,
        ],
        dependencies={
            "door": provide(door),
            "identity": provide(door.identity),
            "ready": provide(ready),
            "intent": Provide(access.intent, sync_to_thread=False),
        },
        middleware=[
            DefineMiddleware(access.BearerToken, exclude=["^/schema"], exclude_from_auth_key="exclude_from_auth")
        ],
        plugins=[problems.plugin()],
        exception_handlers=problems.exception_handlers,
        cors_config=CORSConfig(allow_origins=list(origins), expose_headers=["ETag", "Retry-After"]),
        request_max_body_size=body_limit,
        state=State({"identity": door.identity}),
        openapi_config=_openapi(),
        logging_config=None,
        debug=False,
    )


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="CollabCampus",
        version=version("collabcampus"),
        description="An event-sourced, real-time backend for project boards.",
        path="/schema",
        render_plugins=[ScalarRenderPlugin(), JsonRenderPlugin()],
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        security=[{"bearer": []}],
    )
