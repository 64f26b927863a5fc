"""Undo and redo over HTTP."""

import uuid
from typing import Any

from answering import key, problem
from running import Person
from world import World


def undo(person: Person, path: str, headers: dict[str, str] | None = None, **named: Any) -> Any:
    return person.http.post(f"{path}/undo", json=named, headers=headers)


def redo(person: Person, path: str, **named: Any) -> Any:
    return person.http.post(f"{path}/redo", json=named)


def title(person: Person, world: World) -> str:
    return str(person.http.get(f"/api/tasks/{world.task}").json()["title"])


def test_what_one_did_last_is_undone_step_by_step_and_redone(world: World, path: str, editor: Person) -> None:
    for each in ("Dig deep", "Dig deeper"):
        editor.http.patch(f"/api/tasks/{world.task}", json={"title": each}).raise_for_status()
    editor.http.post(f"{path}/messages", json={"text": "Done"}).raise_for_status()

    seen = []
    for step in (undo, undo, redo, redo, undo):
        step(editor, path).raise_for_status()
        seen.append(title(editor, world))

    assert seen == ["Dig deep", "Dig", "Dig deep", "Dig deeper", "Dig deep"]


def test_nothing_is_left_to_redo_after_something_else_was_done(world: World, path: str, editor: Person) -> None:
    editor.http.patch(f"/api/tasks/{world.task}", json={"title": "Dig deep"}).raise_for_status()
    undo(editor, path).raise_for_status()
    editor.http.patch(f"/api/tasks/{world.task}", json={"priority": "low"}).raise_for_status()

    assert problem(redo(editor, path)) == (409, "nothing_to_undo")


def test_a_command_is_named_by_its_command_id_or_by_a_position(
    world: World, path: str, editor: Person, owner: Person
) -> None:
    command_id = key()
    deep = owner.http.patch(f"/api/tasks/{world.task}", json={"title": "Dig deep"}, headers=command_id)
    low = owner.http.patch(f"/api/tasks/{world.task}", json={"priority": "low"})

    undo(editor, path, ofCommand=command_id["Idempotency-Key"]).raise_for_status()
    undo(editor, path, position=low.json()["position"]).raise_for_status()
    again = undo(editor, path, position=deep.json()["position"])

    task = editor.http.get(f"/api/tasks/{world.task}").json()
    assert (task["title"], task["priority"]) == ("Dig", None)
    assert again.json()["position"] == int(editor.http.get(f"/api/projects/{world.project}").json()["position"])


def test_an_undo_sent_twice_undoes_one_thing(world: World, path: str, editor: Person) -> None:
    for each in ("Dig deep", "Dig deeper"):
        editor.http.patch(f"/api/tasks/{world.task}", json={"title": each}).raise_for_status()
    sent = key()

    answers = [undo(editor, path, sent).json() for _ in range(2)]

    assert answers[0] == answers[1]
    assert title(editor, world) == "Dig deep"


def test_what_others_changed_since_is_not_undone(world: World, path: str, editor: Person, owner: Person) -> None:
    editor.http.patch(f"/api/tasks/{world.task}", json={"title": "Dig deep"}).raise_for_status()
    owner.http.patch(f"/api/tasks/{world.task}", json={"title": "Dig deeper"}).raise_for_status()

    refused = undo(editor, path)

    assert problem(refused) == (409, "undo_conflict")
    assert refused.json()["fields"] == ["title"]


def test_what_cannot_be_undone_is_said(world: World, path: str, editor: Person) -> None:
    editor.http.delete(f"/api/tasks/{world.task}").raise_for_status()

    assert problem(undo(editor, path)) == (409, "cannot_be_undone")
    assert problem(undo(editor, path, position=1)) == (409, "cannot_be_undone")
    for unknown in ({"position": 10_000}, {"ofCommand": str(uuid.uuid4())}):
        assert problem(undo(editor, path, **unknown)) == (409, "nothing_to_undo")


def test_who_did_nothing_has_nothing_to_undo(world: World, path: str, editor: Person) -> None:
    assert problem(undo(editor, path)) == (409, "nothing_to_undo")
    assert problem(redo(editor, path)) == (409, "nothing_to_undo")
