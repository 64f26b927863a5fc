"""Boards as they were, over HTTP."""

from typing import Any

import pytest

from answering import problem
from running import Person
from world import World


@pytest.fixture
def boards(world: World, path: str, editor: Person) -> list[dict[str, Any]]:
    """The board as it was shown at the time, after each of some changes."""
    shown = []
    for change in ({"title": "Dig deep"}, {"status": "done"}, {"priority": "high"}):
        editor.http.patch(f"/api/tasks/{world.task}", json=change).raise_for_status()
        shown.append(editor.http.get(f"{path}/board").json())
    editor.http.delete(f"/api/tasks/{world.task}").raise_for_status()
    return shown


def test_a_board_of_the_past_is_what_was_shown_then(path: str, viewer: Person, boards: list[dict[str, Any]]) -> None:
    events = viewer.http.get(f"{path}/events", params={"limit": 1_000}).json()["items"]
    for board in boards:
        position = board["position"]
        by_position = viewer.http.get(f"{path}/board", params={"position": position})
        assert by_position.json() == board
        assert by_position.headers["etag"] == f'"{position}"'
        held = {"If-None-Match": f'"{position}"'}
        assert viewer.http.get(f"{path}/board", params={"position": position}, headers=held).status_code == 304

        at = events[position - 1]["at"]
        by_time = viewer.http.get(f"{path}/board", params={"at": at}).json()
        last = max(each["position"] for each in events if each["at"] <= at)
        assert by_time["position"] == last, "one process wrote, so its times rise"
        assert by_time == viewer.http.get(f"{path}/board", params={"position": last}).json()


def test_the_present_is_where_the_past_ends(path: str, owner: Person, boards: list[dict[str, Any]]) -> None:
    now = owner.http.get(f"{path}/board").json()

    assert now["position"] == boards[-1]["position"] + 1
    for when in ({"position": now["position"]}, {"at": "2999-01-01T00:00:00Z"}):
        assert owner.http.get(f"{path}/board", params=when).json() == now


def test_a_moment_that_never_was_is_refused(path: str, owner: Person) -> None:
    head = owner.http.get(path).json()["position"]

    ahead = owner.http.get(f"{path}/board", params={"position": head + 1})
    assert problem(ahead) == (404, "position_ahead")
    assert ahead.json()["head"] == head
    for when in ({"position": 0}, {"at": "2001-01-01T00:00:00Z"}):
        assert problem(owner.http.get(f"{path}/board", params=when)) == (404, "not_yet_there")
    for wrong in (
        {"position": 1, "at": "2026-01-01T00:00:00Z"}, {"position": -1}, {"at": "yesterday"}, {"at": "2026-01-01"},
        {"at": "2026-01-01T00:00:00"}, {"at": ""},
    ):  # fmt: skip
        assert problem(owner.http.get(f"{path}/board", params=wrong)) == (400, "invalid_body"), wrong


def test_who_may_read_the_project_now_may_see_its_past_and_nobody_else(
    world: World, path: str, owner: Person, viewer: Person, outsider: Person
) -> None:
    owner.http.delete(f"{path}/members/{viewer.user_id}").raise_for_status()
    joined = next(
        each["position"]
        for each in owner.http.get(f"{path}/events", params={"limit": 1_000}).json()["items"]
        if each["key"] == viewer.user_id
    )

    for person in (viewer, outsider):
        for when in ({"position": joined}, {"position": 10_000}, {"at": "2999-01-01T00:00:00Z"}, {"position": 0}):
            assert problem(person.http.get(f"{path}/board", params=when)) == (404, "project_not_found")
    then = owner.http.get(f"{path}/board", params={"position": joined}).json()
    assert viewer.user_id in [each["userId"] for each in then["members"]], "who was a member then"
