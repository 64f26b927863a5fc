"""What OpenAPI says of the calls."""

from typing import Any

import pytest

from collabcampus.app import Application
from collabcampus.settings import Settings

SIGNED_OUT = {
    "live", "ready", "login", "refresh", "register", "forgotPassword", "resetPassword", "verifyEmail",
    "listOpenidProviders", "startOpenid", "finishOpenid",
}  # fmt: skip


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return dict(Application(Settings(), "").http().openapi_schema.to_schema())


@pytest.fixture(scope="module")
def operations(described: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By their ids."""
    return {each["operationId"]: each for methods in described["paths"].values() for each in methods.values()}


def test_every_call_has_an_id_of_its_own_a_sentence_and_a_tag(
    described: dict[str, Any], operations: dict[str, dict[str, Any]]
) -> None:
    assert len(operations) == sum(map(len, described["paths"].values()))
    for name, each in operations.items():
        assert name.isidentifier(), name
        assert each["summary"].endswith("."), name
        assert len(each["tags"]) == 1, name
    assert {"listColumns", "acceptInvitation", "copyTask", "editTaskByPut", "reactToMessage"} <= operations.keys()


def test_every_problem_a_call_may_answer_is_a_problem(operations: dict[str, dict[str, Any]]) -> None:
    for name, each in operations.items():
        refusals = {status: answer for status, answer in each["responses"].items() if status >= "400"}
        assert ("401" in refusals) == (name not in SIGNED_OUT), name
        assert (each.get("security") == [{}]) == (name in SIGNED_OUT), name
        for answer in refusals.values():
            assert answer["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }, name
    assert {"403", "404", "409", "412"} <= operations["editTaskByPatch"]["responses"].keys()
    assert {"202", "403", "409", "422"} <= operations["register"]["responses"].keys()


def test_a_body_shows_what_may_be_sent_and_nothing_of_the_door(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]

    assert {"title", "startDate", "basePosition"} <= schemas["EditTask"]["properties"].keys()
    assert "taskId" not in schemas["EditTask"]["properties"]
    assert schemas["CopyTask"]["properties"].keys() == {"taskId", "status"}
    assert schemas["AcceptInvitation"]["properties"].keys() == {"secret"}
