"""The Litestar application: every controller, errors as problems, OpenAPI served at `/schema`."""

from collections.abc import Sequence
from typing import Any

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import DefineMiddleware

from collabcampus.http import access, described, problems
from collabcampus.http.account import AccountController
from collabcampus.http.activity import ActivityController
from collabcampus.http.admin import AdminController
from collabcampus.http.checklist import ChecklistController
from collabcampus.http.columns import ColumnsController
from collabcampus.http.comments import CommentsController
from collabcampus.http.door import Door
from collabcampus.http.health import HealthController, Ready
from collabcampus.http.invitations import InvitationsController
from collabcampus.http.labels import LabelsController
from collabcampus.http.me import MeController
from collabcampus.http.members import MembersController
from collabcampus.http.messages import MessagesController
from collabcampus.http.openid import OpenIdController
from collabcampus.http.peers import noting_peers
from collabcampus.http.people import PeopleController
from collabcampus.http.projects import ProjectsController
from collabcampus.http.recovery import RecoveryController
from collabcampus.http.reports import ReportsController
from collabcampus.http.search import SearchController
from collabcampus.http.tasks import ProjectTasksController, TasksController
from collabcampus.http.tokens import TokensController
from collabcampus.http.undoing import UndoingController
from collabcampus.identity.openid import OpenId
from collabcampus.live.pace import Budgets

CONTROLLERS = (
    HealthController,
    PeopleController,
    OpenIdController,
    RecoveryController,
    AccountController,
    ProjectsController,
    ColumnsController,
    LabelsController,
    MembersController,
    InvitationsController,
    ProjectTasksController,
    TasksController,
    ChecklistController,
    CommentsController,
    MessagesController,
    ActivityController,
    UndoingController,
    ReportsController,
    MeController,
    SearchController,
    TokensController,
    AdminController,
)


def build(
    door: Door,
    ready: Ready,
    *,
    openid: OpenId,
    origins: tuple[str, ...],
    body_limit: int,
    budgets: Budgets | None = None,
    documents: Sequence[HTTPRouteHandler] = (),
) -> Litestar:
    """The HTTP side; `origins` may call it from a browser, `body_limit` is in bytes, `documents` come beside.

    What changes something is taken from its person's budget.
    """

    def provide(value: Any) -> Provide:
        return Provide(lambda: value, sync_to_thread=False)

    application = Litestar(
        route_handlers=[*CONTROLLERS, *documents],
        dependencies={
            "door": provide(door),
            "identity": provide(door.identity),
            "openid": provide(openid),
            "ready": provide(ready),
            "intent": Provide(access.intent, sync_to_thread=False),
            "reader": Provide(access.reader, sync_to_thread=False),
        },
        middleware=[
            noting_peers,
            DefineMiddleware(access.BearerToken, exclude=["^/schema"], exclude_from_auth_key="exclude_from_auth"),
        ],
        plugins=[problems.plugin()],
        exception_handlers=problems.exception_handlers,
        cors_config=CORSConfig(
            allow_origins=list(origins),
            expose_headers=["ETag", "Link", "Retry-After"],
            allow_credentials="*" not in origins,  # nobody sends cookies along for a page of anybody's
        ),
        request_max_body_size=body_limit,
        state=State({"identity": door.identity, "budgets": budgets}),
        openapi_config=described.configuration(),
        logging_config=None,
        debug=False,
    )
    described.describe(application)
    return application
