"""Every request is counted by its route and status, and has an id that its log lines name."""

import re
from typing import Any

import pytest
import structlog
from litestar import Litestar, get
from litestar.params import FromPath
from structlog.testing import capture_logs

from answering import asking
from collabcampus.app import Application
from collabcampus.http.observed import observed
from collabcampus.telemetry.metrics import REGISTRY

NAME = "collabcampus_http_request_seconds_count"


def counted(method: str, route: str, status: int) -> float:
    """How many requests of a route got a status so far."""
    return REGISTRY.get_sample_value(NAME, {"method": method, "route": route, "status": str(status)}) or 0.0


@get("/said/{what:str}")
async def said(what: FromPath[str]) -> str:
    structlog.get_logger().info("said")
    return what


@pytest.fixture
def app(anyio_backend: object) -> Any:
    return observed(Litestar([said]))


async def test_a_request_is_counted_by_its_route_and_never_by_its_path(application: Application) -> None:
    route, before = "/api/projects/{project_id}", counted("GET", "/api/projects/{project_id}", 401)

    async with asking(observed(application.http())) as client:
        await client.get("/api/projects/0190a0b0-0000-7000-8000-000000000000")
        await client.get("/no/such/0190a0b0-0000-7000-8000-000000000000")

    assert counted("GET", route, 401) == before + 1
    assert counted("GET", "unmatched", 404) >= 1
    routes = {each.labels["route"] for family in REGISTRY.collect() for each in family.samples if each.name == NAME}
    assert not any("0190a0b0" in each for each in routes)


async def test_a_method_that_nobody_knows_makes_no_series_of_its_own(app: Any) -> None:
    before = counted("other", "unmatched", 405) + counted("other", "/said/{what}", 405)

    async with asking(app) as client:
        await client.request("BREW", "/said/tea")

    assert counted("other", "unmatched", 405) + counted("other", "/said/{what}", 405) == before + 1


async def test_a_plain_request_id_is_kept_and_any_other_replaced(app: Any) -> None:
    async with asking(app) as client:
        given = await client.get("/said/tea", headers={"X-Request-Id": "from-the-proxy.1"})
        bad = await client.get("/said/tea", headers={"X-Request-Id": 'a"b c'})
        none = await client.get("/said/tea")

    assert given.headers["x-request-id"] == "from-the-proxy.1"
    made = [bad.headers["x-request-id"], none.headers["x-request-id"]]
    assert all(re.fullmatch(r"[0-9a-f-]{36}", each) for each in made)
    assert made[0] != made[1]


async def test_what_is_logged_in_a_request_names_it(app: Any) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        async with asking(app) as client:
            await client.get("/said/tea", headers={"X-Request-Id": "abc"})

    assert [each["request_id"] for each in lines if each["event"] == "said"] == ["abc"]
