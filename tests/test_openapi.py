"""The whole OpenAPI description, tried with requests that schemathesis makes up: nothing of it fails the server."""

import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, ignored_auth

from running import Person, Server
from world import People, World

TRIES = settings(
    max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
INSIDES = re.compile(r"Traceback|psycopg|litestar|msgspec|uvicorn|PostgreSQL|SELECT |INSERT |\.py\b|line \d+, in ")
DESCRIBED = schemathesis.openapi.from_path(Path(__file__).parents[1] / "schema" / "contracts" / "openapi.json")
OPERATIONS = {each.ok().label: each.ok() for each in DESCRIBED.get_all_operations()}


@pytest.fixture(scope="module")
def world(server: Server) -> World:
    return World(People(server.url))


@pytest.fixture(scope="module")
def boss(server: Server, module_database_url: str) -> Person:
    return Person(server.url, "Boss").promote(module_database_url)


def known(world: World) -> dict[str, str]:
    """What the parameters in paths may well be, so that requests get past them."""
    editor = world.people["editor"]
    return {
        "project_id": world.project, "task_id": world.task, "label_id": world.label, "item_id": world.item,
        "comment_id": world.comment(editor), "message_id": world.message(editor), "column_id": "todo",
        "invitation_id": world.invitation, "user_id": editor.user_id, "emoji": "%F0%9F%91%8D",
    }  # fmt: skip


@pytest.mark.parametrize("label", OPERATIONS)
@TRIES
@given(data=st.data())
def test_no_request_makes_the_server_fail(label: str, data: Any, server: Server, world: World, boss: Person) -> None:
    mode = data.draw(st.sampled_from(GenerationMode))
    case = data.draw(OPERATIONS[label].as_strategy(generation_mode=mode))
    person: Person = world.people["editor"]
    if case.operation.path.startswith("/api/admin/") and case.operation.method.upper() == "GET":
        person = boss  # who tries the rest might put people out
    case.query.pop("follow", None)  # which would not end
    real = known(world)
    for name in case.path_parameters or ():
        case.path_parameters[name] = real.get(name, case.path_parameters[name])
    for headers in ({}, {"Authorization": f"Bearer {person.token}"}):
        if headers and case.operation.path == "/logout":
            continue  # the token is needed again
        response = case.call(base_url=server.url, headers=headers, timeout=10)
        assert not INSIDES.search(response.text), response.text
        case.validate_response(response, checks=[not_a_server_error, content_type_conformance, ignored_auth])
