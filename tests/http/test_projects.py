"""Projects over HTTP."""

import json

import pytest

from answering import done, key, made, pages, problem
from running import Person
from world import World


def test_a_project_is_made_read_and_edited(owner: Person) -> None:
    body = {"name": "Garden", "columns": ["Ideas", {"name": "Done", "id": "d"}]}
    answer = owner.http.post("/api/projects", json=body)
    project = made(answer)
    path = f"/api/projects/{project['projectId']}"
    assert set(project) == {
        "projectId", "name", "description", "columns", "labels", "createdAt", "archived", "members",
    }  # fmt: skip
    assert project["columns"] == [{"id": "ideas", "name": "Ideas"}, {"id": "d", "name": "Done"}]
    assert project["members"] == [{"userId": owner.user_id, "name": "Owner", "role": "owner"}]

    edited = owner.http.patch(path, json={"description": "Roses"})

    assert done(edited) == {**project, "description": "Roses"}
    assert edited.json()["position"] == answer.json()["position"] + 1
    assert owner.http.get(path).json() == edited.json()


def test_a_project_repeated_under_its_key_is_the_same_one(owner: Person) -> None:
    headers = key()

    first, again = (owner.http.post("/api/projects", json={"name": "Garden"}, headers=headers) for _ in range(2))

    assert (again.status_code, again.json()) == (first.status_code, first.json())


def test_an_archived_project_can_be_read_and_restored_and_nothing_else(
    world: World, path: str, owner: Person, editor: Person
) -> None:
    archived = owner.http.delete(path)
    assert (archived.status_code, list(archived.json())) == (200, ["position"])

    assert owner.http.get(path).json()["archived"] is True
    assert owner.http.get(f"{path}/board").status_code == 200
    for write in (
        owner.http.patch(path, json={"name": "Park"}),
        editor.http.post(f"{path}/tasks", json={"title": "Reap"}),
        editor.http.put(f"/api/tasks/{world.task}", json={"status": "done"}),
        editor.http.post(f"{path}/messages", json={"text": "Still here?"}),
        owner.http.post(f"{path}/labels", json={"name": "Late"}),
    ):
        assert problem(write) == (409, "project_is_archived")
    assert problem(editor.http.post(f"{path}/restore")) == (403, "role_too_low")

    assert done(owner.http.post(f"{path}/restore"))["archived"] is False
    assert editor.task(world.project)


def test_archiving_twice_is_archiving_once(path: str, owner: Person) -> None:
    assert owner.http.delete(path).json() == owner.http.delete(path).json()


def test_the_board_has_everything_a_client_draws(world: World, path: str, owner: Person) -> None:
    board = owner.http.get(f"{path}/board").json()

    assert set(board) == {
        "projectId", "position", "name", "columns", "labels", "tasks", "members",
    }  # fmt: skip
    assert [each["taskId"] for each in board["tasks"]] == [world.task, world.other_task], (
        "the archived one is not on it"
    )
    assert board["tasks"][0] == owner.http.get(f"/api/tasks/{world.task}").json()
    assert [each["labelId"] for each in board["labels"]] == [world.label]


def test_my_projects_are_those_i_have_a_place_in(
    world: World, owner: Person, editor: Person, outsider: Person
) -> None:
    mine, theirs = (
        {each["projectId"]: each["role"] for each in pages(person, "/api/projects")} for person in (owner, editor)
    )
    assert (mine[world.project], theirs[world.project]) == ("owner", "editor")
    assert world.project not in [each["projectId"] for each in pages(outsider, "/api/projects")]


def test_the_history_is_dense_by_pages_and_as_a_stream(path: str, owner: Person) -> None:
    events = pages(owner, f"{path}/events", "after")
    streamed = owner.http.get(f"{path}/events", headers={"Accept": "application/x-ndjson"})

    assert [each["position"] for each in events] == list(range(1, owner.http.get(path).json()["position"] + 1))
    assert [json.loads(line) for line in streamed.text.splitlines()] == events


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            {"name": "Garden", "columns": ["Done", {"name": "So", "id": "a"}, {"name": "So", "id": "a"}]},
            (422, "duplicate_column"),
        ),
        ({"name": " "}, (400, "invalid_body")),
        ({"name": "Garden", "columns": [{"name": "Done", "id": "No slug"}]}, (400, "invalid_body")),
        ({"name": "Garden", "original": {"columns": []}}, (400, "invalid_body")),
    ],
)
def test_a_project_that_cannot_be_is_refused(owner: Person, body: dict[str, object], code: tuple[int, str]) -> None:
    assert problem(owner.http.post("/api/projects", json=body)) == code
