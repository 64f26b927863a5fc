"""Reports: how the work in a project went."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, MediaType, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from collabcampus.domain.types import Day
from collabcampus.http.access import Reader, etag
from collabcampus.http.door import Door
from collabcampus.live import reports_shown
from collabcampus.live.reporting import report

CSV = "text/csv"
Since = Annotated[Day | None, QueryParameter(name="from", description="A day or a moment, or else the beginning")]
Until = Annotated[
    Day | None, QueryParameter(name="to", description="A day, with all of it, or a moment; until now otherwise")
]


class ReportsController(Controller):
    """`/api/projects/{id}/reports/{name}`."""

    path = "/api/projects/{project_id:uuid}/reports"
    tags = ("reports",)

    @get("/{name:str}")
    async def read_report(
        self,
        request: Request[Any, Any, Any],
        project_id: FromPath[UUID],
        name: FromPath[str],
        reader: NamedDependency[Reader],
        door: NamedDependency[Door],
        since: Since = None,
        until: Until = None,
    ) -> Response[Any]:
        """`time-in-column`, `cycle-time`, `throughput` or `contributions`, as JSON or as `text/csv`."""
        state, _ = await door.read(str(project_id), reader)
        head = state.head  # now: whoever is removed while it is made sees nothing that came later
        rows = await report(door.database, str(project_id), head, name, since, until, door.projects.now())
        names = await door.identity.names({each.user_id for each in rows if hasattr(each, "user_id")})
        shown = reports_shown.plain(rows, dict(names))
        if CSV in request.headers.get("accept", ""):
            return Response(reports_shown.as_csv(name, shown), media_type=CSV, headers=etag(head))
        answer = {"projectId": str(project_id), "position": head, "report": name, "items": shown}
        return Response(answer, media_type=MediaType.JSON, headers=etag(head))
