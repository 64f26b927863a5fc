"""Whether the server lives, and whether it can serve."""

from collections.abc import Awaitable, Callable

from litestar import Controller, Response, get
from litestar.di import NamedDependency

Ready = Callable[[], Awaitable[str | None]]
"""Why not, in words; None where it can."""


class HealthController(Controller):
    """`/health`."""

    path = "/health"
    tags = ("health",)
    opt = {"exclude_from_auth": True}
    security = ({},)

    @get("/live")
    async def live(self) -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @get("/ready")
    async def ready(self, ready: NamedDependency[Ready]) -> Response[dict[str, str]]:
        """The log can be written and is being followed; 503 otherwise, with the `reason`."""
        if reason := await ready():
            return Response({"status": "not ready", "reason": reason}, status_code=503)
        return Response({"status": "ready"})
