"""Checklists over HTTP."""

import uuid

import pytest

from answering import done, items, made, pages, problem
from running import Person
from world import World


@pytest.fixture
def checklist(world: World) -> str:
    return f"/api/tasks/{world.task}/checklist"


def test_an_item_is_added_ticked_put_elsewhere_and_taken_off(world: World, checklist: str, editor: Person) -> None:
    item = made(editor.http.post(checklist, json={"text": "Oil it", "before": world.item}))
    assert item == {
        "itemId": item["itemId"], "taskId": world.task, "text": "Oil it", "done": False, "rank": item["rank"],
    }  # fmt: skip
    assert [each["itemId"] for each in items(editor, checklist)] == [item["itemId"], world.item]
    assert editor.http.get(f"/api/tasks/{world.task}").json()["checklist"] == items(editor, checklist)

    edited = done(editor.http.patch(f"{checklist}/{item['itemId']}", json={"done": True, "after": world.item}))

    assert edited == {**item, "done": True, "rank": edited["rank"]}
    assert [each["itemId"] for each in pages(editor, checklist)] == [world.item, item["itemId"]]

    gone, again = (editor.http.delete(f"{checklist}/{item['itemId']}") for _ in range(2))
    assert (list(gone.json()), again.json()) == (["position"], gone.json())
    assert [each["itemId"] for each in items(editor, checklist)] == [world.item]
    assert problem(editor.http.get(checklist, params={"cursor": item["itemId"]})) == (400, "invalid_body")


def test_an_item_of_another_task_is_as_unknown_as_none(world: World, checklist: str, editor: Person) -> None:
    beside = made(editor.http.post(f"/api/tasks/{world.other_task}/checklist", json={"text": "Sieve"}))["itemId"]
    elsewhere = f"/api/tasks/{editor.task(editor.project())}/checklist"
    theirs = made(editor.http.post(elsewhere, json={"text": "Theirs"}))["itemId"]

    for unknown in (beside, theirs, str(uuid.uuid4())):
        edited = editor.http.patch(f"{checklist}/{unknown}", json={"done": True})
        assert problem(edited) == (404, "item_not_found")
        assert problem(editor.http.delete(f"{checklist}/{unknown}")) == (404, "item_not_found")
        added = editor.http.post(checklist, json={"text": "Oil it", "after": unknown})
        assert problem(added) == (404, "item_not_found")


def test_an_archived_tasks_checklist_is_read_and_not_written(world: World, viewer: Person, editor: Person) -> None:
    checklist = f"/api/tasks/{world.archived}/checklist"

    assert items(viewer, checklist) == []
    assert problem(editor.http.post(checklist, json={"text": "Oil it"})) == (409, "task_is_archived")
