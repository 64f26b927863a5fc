"""Tasks over HTTP."""

import uuid
from typing import Any

import pytest

from answering import done, items, key, made, pages, problem
from running import Person, Server
from sockets.raw import RawSocket
from world import World

FIELDS = {
    "taskId", "title", "description", "status", "rank", "assignees", "labels", "priority", "dueDate", "startDate",
    "estimate", "checklist", "commentCount", "createdBy", "createdAt", "updatedAt", "archived", "reminded",
    "cover",
}  # fmt: skip


@pytest.fixture
def tasks(path: str) -> str:
    return f"{path}/tasks"


@pytest.fixture
def task(world: World) -> str:
    """Where the first task is."""
    return f"/api/tasks/{world.task}"


def order(person: Person, path: str, status: str) -> list[str]:
    """A column's tasks, as they stand."""
    tasks = person.http.get(f"{path}/board").json()["tasks"]
    return [each["taskId"] for each in tasks if each["status"] == status]


def test_a_task_is_made_with_everything_it_can_have(world: World, tasks: str, editor: Person) -> None:
    body = {
        "title": "Reap", "description": "All of it", "status": "in-progress", "assignees": [editor.user_id],
        "labels": [world.label], "priority": "high", "dueDate": "2030-01-02", "startDate": "2030-01-01",
        "estimate": 2.5, "cover": "#1f6feb",
    }  # fmt: skip

    task = made(editor.http.post(tasks, json=body))

    assert set(task) == FIELDS
    assert {name: task[name] for name in body} == body
    assert (task["createdBy"], task["archived"], task["commentCount"]) == (editor.user_id, False, 0)
    assert read(editor, task["taskId"]) == task


def read(person: Person, task_id: str) -> dict[str, Any]:
    """The task as it is read."""
    answer = person.http.get(f"/api/tasks/{task_id}")
    assert answer.status_code == 200
    return dict(answer.json())


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "Dig deep"),
        ("description", "With the new spade"),
        ("status", "done"),
        ("priority", "urgent"),
        ("dueDate", "2030-01-02T10:00:00Z"),
        ("startDate", "2030-01-01"),
        ("estimate", 0.5),
    ],
)
def test_every_field_is_edited_alone(
    world: World, task: str, editor: Person, method: str, field: str, value: object
) -> None:
    before = read(editor, world.task)

    after = done(editor.http.request(method, task, json={field: value}))

    apart = {"updatedAt", "rank", field} if field == "status" else {"updatedAt", field}
    assert after[field] == value
    assert {name for name in FIELDS if after[name] != before[name]} <= apart
    assert read(editor, world.task) == after


def test_what_may_be_empty_is_emptied_by_null(world: World, task: str, editor: Person) -> None:
    dates = {"priority": "low", "dueDate": "2030-01-02", "startDate": "2030-01-01", "estimate": 1.0}
    assert {**done(editor.http.patch(task, json=dates)), **dates} == read(editor, world.task)

    emptied = done(editor.http.patch(task, json=dict.fromkeys(dates)))

    assert [emptied[name] for name in dates] == [None] * 4


def test_a_task_is_moved_and_edited_in_one(world: World, path: str, editor: Person) -> None:
    body = {"status": "todo", "before": world.task, "title": "Sow peas", "assignees": [editor.user_id]}

    moved = done(editor.http.put(f"/api/tasks/{world.other_task}", json=body))

    assert (moved["title"], moved["assignees"]) == ("Sow peas", [editor.user_id])
    assert order(editor, path, "todo") == [world.other_task, world.task]


def test_a_drag_by_put_and_over_a_socket_is_one_command(
    server: Server, world: World, task: str, editor: Person
) -> None:
    socket = RawSocket(server.url, editor.token)
    body, headers = {"status": "todo", "after": world.other_task}, key()
    moved = editor.http.put(task, json=body, headers=headers)

    again = socket.ask("task_moved", {"taskId": world.task, **body, "commandId": headers["Idempotency-Key"]})

    socket.close()
    assert again == {"ok": True, **moved.json()}


def test_a_move_that_names_its_base_is_an_edit_and_conflicts(world: World, task: str, editor: Person) -> None:
    base = editor.http.get(task).headers["etag"].strip('"')
    theirs = editor.http.put(task, json={"status": "done"})

    refused = editor.http.put(task, json={"status": "in-progress", "basePosition": int(base)})

    assert problem(refused) == (409, "edit_conflict")
    assert refused.json()["fields"] == [
        {"field": "status", "yours": "in-progress", "theirs": "done", "position": theirs.json()["position"]}
    ]


def test_an_edit_conflicts_with_the_same_field_alone(task: str, owner: Person, editor: Person) -> None:
    base = int(owner.http.get(task).headers["etag"].strip('"'))
    theirs = editor.http.patch(task, json={"title": "Dig deep", "assignees": [editor.user_id]})

    merged = owner.http.patch(task, json={"description": "Mind the roots", "basePosition": base})
    refused = owner.http.patch(task, json={"title": "Dig", "assignees": [], "priority": "low", "basePosition": base})

    assert done(merged)["title"] == "Dig deep"
    assert problem(refused) == (409, "edit_conflict")
    title, assignees = refused.json()["fields"]
    assert (title["field"], title["yours"], title["theirs"]) == ("title", "Dig", "Dig deep")
    assert (assignees["field"], assignees["yours"], assignees["theirs"]) == ("assignees", [], [editor.user_id])
    assert assignees["position"] == theirs.json()["position"]
    assert owner.http.get(task).json()["priority"] is None, "all or nothing"


def test_a_task_goes_for_good(world: World, task: str, editor: Person) -> None:
    gone, again = (editor.http.delete(task) for _ in range(2))

    assert (list(gone.json()), again.json()) == (["position"], gone.json())
    assert problem(editor.http.get(task)) == (404, "task_not_found")
    assert problem(editor.http.put(task, json={"status": "done"})) == (404, "task_not_found")
    again = editor.http.post(f"/api/projects/{world.project}/tasks", json={"title": "Dig", "taskId": world.task})
    assert problem(again) == (409, "id_taken")


def test_an_archived_task_is_off_the_board_and_comes_back_to_the_end(
    world: World, path: str, task: str, editor: Person
) -> None:
    assert done(editor.http.post(f"{task}/archive"))["archived"] is True
    assert order(editor, path, "todo") == [world.other_task]
    assert read(editor, world.task)["archived"] is True
    assert problem(editor.http.patch(task, json={"title": "Late"})) == (409, "task_is_archived")

    assert done(editor.http.post(f"{task}/restore"))["archived"] is False
    assert order(editor, path, "todo") == [world.other_task, world.task]


def test_tasks_are_listed_by_pages_and_by_column_and_archived(
    world: World, tasks: str, editor: Person, viewer: Person
) -> None:
    editor.http.put(f"/api/tasks/{world.other_task}", json={"status": "done"})
    third = editor.task(world.project, "Reap")
    on_board = sorted([world.task, world.other_task, third])

    def listed(**query: Any) -> list[str]:
        return [each["taskId"] for each in items(viewer, tasks, **query)]

    assert listed() == listed(archived="false") == on_board
    assert [each["taskId"] for each in pages(viewer, tasks)] == on_board
    assert listed(archived="true") == [world.archived]
    assert listed(status="done") == [world.other_task]
    assert listed(status="nowhere") == []
    assert items(viewer, tasks, status="done") == [read(viewer, world.other_task)]
    assert problem(viewer.http.get(tasks, params={"archived": "perhaps"})) == (400, "invalid_body")
    assert problem(viewer.http.get(tasks, params={"cursor": "x"})) == (400, "invalid_body")


def test_several_tasks_are_moved_in_the_order_they_are_named(
    world: World, path: str, tasks: str, editor: Person
) -> None:
    last = editor.task(world.project, "Reap", status="done")

    moved = editor.http.post(
        f"{tasks}/move", json={"taskIds": [world.other_task, world.task], "status": "done", "before": last}
    )

    assert done(moved) == {}
    assert order(editor, path, "done") == [world.other_task, world.task, last]


def test_several_tasks_are_edited_alike_or_none_is(world: World, tasks: str, editor: Person) -> None:
    both = [world.task, world.other_task]
    body = {"taskIds": both, "priority": "low", "labels": [world.label], "assignees": [editor.user_id]}
    assert done(editor.http.patch(tasks, json=body)) == {}
    for each in both:
        task = read(editor, each)
        assert (task["priority"], task["labels"], task["assignees"]) == ("low", [world.label], [editor.user_id])

    refused = editor.http.patch(tasks, json={"taskIds": [world.task, str(uuid.uuid4())], "priority": "high"})

    assert problem(refused) == (404, "task_not_found")
    assert read(editor, world.task)["priority"] == "low"
    assert problem(editor.http.patch(tasks, json={"taskIds": []})) == (400, "invalid_body")


def test_a_task_is_copied_from_where_i_may_read_it(world: World, tasks: str, owner: Person, editor: Person) -> None:
    elsewhere = editor.project()

    copy = made(editor.http.post(f"/api/projects/{elsewhere}/tasks/copy", json={"taskId": world.task}))

    assert copy["taskId"] != world.task
    assert (copy["title"], copy["status"], copy["createdBy"]) == ("Dig", "todo", editor.user_id)
    assert [each["text"] for each in copy["checklist"]] == ["Find the spade"]
    assert copy["checklist"][0]["itemId"] != world.item
    theirs = editor.task(elsewhere, "Secret")
    for unknown in (theirs, str(uuid.uuid4())):
        assert problem(owner.http.post(f"{tasks}/copy", json={"taskId": unknown})) == (404, "task_not_found")
    filled = {"taskId": world.task, "copied": {"title": "Forged"}}
    assert problem(owner.http.post(f"{tasks}/copy", json=filled)) == (400, "invalid_body")


def test_a_task_of_another_project_is_as_unknown_as_none(world: World, tasks: str, task: str, editor: Person) -> None:
    theirs = editor.task(editor.project())

    for unknown in (theirs, str(uuid.uuid4())):
        for beside in ("before", "after"):
            moved = editor.http.put(task, json={"status": "done", beside: unknown})
            assert problem(moved) == (404, "neighbour_not_found")
        moved = editor.http.post(f"{tasks}/move", json={"taskIds": [unknown], "status": "done"})
        assert problem(moved) == (404, "task_not_found")
        assert problem(editor.http.patch(tasks, json={"taskIds": [unknown], "priority": "low"})) == (
            404, "task_not_found",
        )  # fmt: skip
    assert problem(editor.http.post(tasks, json={"title": "Dig", "taskId": theirs})) == (409, "id_taken")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"status": "nowhere"}, (404, "column_not_found")),
        ({"assignees": [str(uuid.UUID(int=7))]}, (422, "not_a_member")),
        ({"startDate": "2030-01-02", "dueDate": "2030-01-01"}, (422, "start_after_due")),
        ({"dueDate": "2030-02-31"}, (422, "invalid_date")),
        ({"dueDate": "soon"}, (400, "invalid_body")),
        ({"estimate": -1}, (400, "invalid_body")),
        ({"priority": "asap"}, (400, "invalid_body")),
        ({"title": None}, (400, "invalid_body")),
        ({"rank": "a0"}, (400, "invalid_body")),
        ({"taskId": str(uuid.UUID(int=7)), "title": "Dig"}, (400, "invalid_body")),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_nothing_is_written(
    world: World, task: str, editor: Person, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    before = read(editor, world.task)

    assert problem(editor.http.patch(task, json=body)) == expected
    assert read(editor, world.task) == before
