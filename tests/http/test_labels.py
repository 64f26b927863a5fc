"""Labels over HTTP."""

import uuid

import pytest

from answering import done, items, made, pages, problem
from running import Person
from world import World


@pytest.fixture
def labels(path: str) -> str:
    return f"{path}/labels"


def test_a_label_is_made_listed_and_edited(labels: str, editor: Person) -> None:
    label = made(editor.http.post(labels, json={"name": "Later", "color": "#0000ff"}))
    assert label == {"labelId": label["labelId"], "name": "Later", "color": "#0000ff"}

    edited = done(editor.http.patch(f"{labels}/{label['labelId']}", json={"name": "Never", "color": None}))

    assert edited == {"labelId": label["labelId"], "name": "Never", "color": None}
    assert [each["name"] for each in items(editor, labels)] == ["Urgent", "Never"]
    assert pages(editor, labels) == items(editor, labels)


def test_a_label_brings_its_own_id_once(labels: str, editor: Person) -> None:
    body = {"name": "Later", "labelId": str(uuid.uuid4())}

    assert made(editor.http.post(labels, json=body))["labelId"] == body["labelId"]
    assert problem(editor.http.post(labels, json=body)) == (409, "id_taken")


def test_a_label_that_goes_is_on_no_task_any_more(world: World, labels: str, editor: Person) -> None:
    labelled = done(editor.http.patch(f"/api/tasks/{world.task}", json={"labels": [world.label]}))
    assert labelled["labels"] == [world.label]

    gone, again = (editor.http.delete(f"{labels}/{world.label}") for _ in range(2))

    assert list(gone.json()) == ["position"]
    assert again.json() == gone.json()
    assert items(editor, labels) == []
    assert editor.http.get(f"/api/tasks/{world.task}").json()["labels"] == []


def test_a_label_of_another_project_is_as_unknown_as_none(world: World, labels: str, editor: Person) -> None:
    theirs = made(editor.http.post(f"/api/projects/{editor.project()}/labels", json={"name": "Theirs"}))["labelId"]

    for unknown in (theirs, str(uuid.uuid4())):
        assert problem(editor.http.patch(f"{labels}/{unknown}", json={"name": "Mine"})) == (404, "label_not_found")
        assert problem(editor.http.delete(f"{labels}/{unknown}")) == (404, "label_not_found")
        tagged = editor.http.patch(f"/api/tasks/{world.task}", json={"labels": [unknown]})
        assert problem(tagged) == (404, "label_not_found")
