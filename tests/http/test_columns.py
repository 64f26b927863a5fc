"""Columns over HTTP."""

from typing import Any

import pytest

from answering import done, items, made, pages, problem
from running import Person, Server
from sockets.raw import RawSocket
from world import World

WAITING = {"id": "todo", "name": "To do"}
DOING = {"id": "in-progress", "name": "In progress"}
DONE = {"id": "done", "name": "Done"}


@pytest.fixture
def columns(path: str) -> str:
    return f"{path}/columns"


def test_a_column_is_added_where_it_says_and_answered_with_all_of_them(columns: str, editor: Person) -> None:
    body = {"name": "In review", "after": "in-progress", "color": "#00ff00", "limit": 3}
    review = {"id": "in-review", "name": "In review", "color": "#00ff00", "limit": 3}

    assert made(editor.http.post(columns, json=body)) == {
        "columnId": "in-review", "name": "In review", "color": "#00ff00", "limit": 3,
        "columns": [WAITING, DOING, review, DONE],
    }  # fmt: skip
    assert items(editor, columns) == [WAITING, DOING, review, DONE]
    assert pages(editor, columns) == [WAITING, DOING, review, DONE]


def test_a_column_is_edited_and_moved_in_one(columns: str, editor: Person) -> None:
    edited = editor.http.patch(f"{columns}/todo", json={"name": "Later", "limit": 5, "after": "done"})

    assert done(edited) == {
        "columnId": "todo", "name": "Later", "color": None, "limit": 5,
        "columns": [DOING, DONE, {"id": "todo", "name": "Later", "limit": 5}],
    }  # fmt: skip
    assert done(editor.http.patch(f"{columns}/todo", json={"limit": None}))["limit"] is None


def test_a_socket_is_answered_the_same_for_a_column(server: Server, world: World, editor: Person) -> None:
    socket = RawSocket(server.url, editor.token)

    moved = socket.ask("move_column", {"projectId": world.project, "columnId": "done", "before": "todo"})
    removed = socket.ask("remove_column", {"projectId": world.project, "columnId": "in-progress"})

    socket.close()
    assert moved == {
        "ok": True, "position": moved["position"], "columnId": "done", "name": "Done", "color": None, "limit": None,
        "columns": [DONE, WAITING, DOING],
    }  # fmt: skip
    assert removed == {"ok": True, "position": moved["position"] + 1, "columns": [DONE, WAITING]}


def test_a_column_with_tasks_goes_when_they_have_somewhere_to_go(
    world: World, path: str, columns: str, editor: Person
) -> None:
    assert problem(editor.http.delete(f"{columns}/todo")) == (409, "column_not_empty")
    assert problem(editor.http.delete(f"{columns}/todo", params={"moveTo": "nowhere"})) == (404, "column_not_found")
    assert problem(editor.http.delete(f"{columns}/todo", params={"moveTo": "todo"})) == (422, "contradiction")

    removed = editor.http.delete(f"{columns}/todo", params={"moveTo": "done"})

    assert done(removed) == {"columns": [DOING, DONE]}
    assert [(each["taskId"], each["status"]) for each in editor.http.get(f"{path}/board").json()["tasks"]] == [
        (world.task, "done"), (world.other_task, "done"),
    ]  # fmt: skip


def test_the_last_column_stays(columns: str, editor: Person) -> None:
    editor.http.delete(f"{columns}/todo", params={"moveTo": "done"})
    editor.http.delete(f"{columns}/in-progress")

    assert problem(editor.http.delete(f"{columns}/done")) == (409, "last_column")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "Done"}, (409, "id_taken")),
        ({"name": "Review", "before": "nowhere"}, (404, "column_not_found")),
        ({"name": "Review", "before": "todo", "after": "done"}, (422, "contradiction")),
        ({"name": "Review", "color": "green"}, (400, "invalid_body")),
        ({"name": "Review", "limit": 0}, (400, "invalid_body")),
        ({"name": "Review", "columnId": "No slug"}, (400, "invalid_body")),
    ],
)
def test_a_column_that_cannot_be_is_refused(
    columns: str, editor: Person, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert problem(editor.http.post(columns, json=body)) == expected


def test_a_column_of_another_project_is_as_unknown_as_none(columns: str, world: World, editor: Person) -> None:
    theirs = editor.project(columns=["Theirs"])
    assert items(editor, f"/api/projects/{theirs}/columns") == [{"id": "theirs", "name": "Theirs"}]

    for unknown in ("theirs", "nobodys"):
        assert problem(editor.http.patch(f"{columns}/{unknown}", json={"name": "Mine"})) == (404, "column_not_found")
        assert problem(editor.http.put(f"/api/tasks/{world.task}", json={"status": unknown})) == (
            404, "column_not_found",
        )  # fmt: skip


def test_a_full_column_takes_no_more(world: World, columns: str, editor: Person) -> None:
    editor.http.patch(f"{columns}/done", json={"limit": 1})
    editor.http.put(f"/api/tasks/{world.task}", json={"status": "done"})

    refused = editor.http.put(f"/api/tasks/{world.other_task}", json={"status": "done"})

    assert problem(refused) == (409, "wip_limit_reached")
    assert (refused.json()["column"], refused.json()["limit"]) == ("done", 1)
