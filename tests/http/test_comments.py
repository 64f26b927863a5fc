"""Comments over HTTP."""

import uuid

import pytest

from answering import done, items, made, pages, problem
from running import Person
from world import World


@pytest.fixture
def comments(world: World) -> str:
    return f"/api/tasks/{world.task}/comments"


def test_a_comment_is_made_edited_and_taken_away(world: World, comments: str, owner: Person, editor: Person) -> None:
    comment = made(editor.http.post(comments, json={"text": "Mind the roots", "mentions": [owner.user_id]}))
    own = f"{comments}/{comment['commentId']}"
    assert comment == {
        "commentId": comment["commentId"], "taskId": world.task, "text": "Mind the roots",
        "mentions": [owner.user_id], "author": editor.user_id, "at": comment["at"], "editedAt": None,
    }  # fmt: skip
    assert editor.http.get(f"/api/tasks/{world.task}").json()["commentCount"] == 3

    edited = done(editor.http.patch(own, json={"text": "Mind the bulbs"}))

    assert edited == {**comment, "text": "Mind the bulbs", "editedAt": edited["editedAt"]}
    assert edited["editedAt"] >= comment["at"]
    assert items(editor, comments)[-1] == edited
    gone, again = (editor.http.delete(own) for _ in range(2))
    assert (list(gone.json()), again.json()) == (["position"], gone.json())
    assert editor.http.get(f"/api/tasks/{world.task}").json()["commentCount"] == 2


def test_comments_page_oldest_first_also_where_one_goes_meanwhile(comments: str, editor: Person) -> None:
    for number in range(3):
        made(editor.http.post(comments, json={"text": str(number)}))
    texts = ["Look", "Look", "0", "1", "2"]
    assert [each["text"] for each in pages(editor, comments)] == texts
    page = editor.http.get(comments, params={"limit": 3}).json()

    editor.http.delete(f"{comments}/{page['items'][-1]['commentId']}").raise_for_status()

    rest = items(editor, comments, cursor=page["next"])
    assert [each["text"] for each in rest] == texts[3:]
    assert problem(editor.http.get(comments, params={"cursor": "x"})) == (400, "invalid_body")


def test_a_comment_is_its_authors_to_edit_and_an_owners_to_take_away_too(
    world: World, comments: str, owner: Person, editor: Person
) -> None:
    owners, editors = (f"{comments}/{world.comments[each]}" for each in (owner, editor))

    assert problem(owner.http.patch(editors, json={"text": "No"})) == (403, "not_your_own")
    assert problem(editor.http.delete(owners)) == (403, "not_your_own")
    assert owner.http.delete(editors).status_code == 200


def test_a_comment_of_another_task_is_as_unknown_as_none(world: World, comments: str, editor: Person) -> None:
    beside = made(editor.http.post(f"/api/tasks/{world.other_task}/comments", json={"text": "Beside"}))["commentId"]
    elsewhere = f"/api/tasks/{editor.task(editor.project())}/comments"
    theirs = made(editor.http.post(elsewhere, json={"text": "Theirs"}))["commentId"]

    for unknown in (beside, theirs, str(uuid.uuid4())):
        edited = editor.http.patch(f"{comments}/{unknown}", json={"text": "Mine"})
        assert problem(edited) == (404, "comment_not_found")
        assert problem(editor.http.delete(f"{comments}/{unknown}")) == (404, "comment_not_found")


def test_only_members_are_mentioned(comments: str, editor: Person, outsider: Person) -> None:
    refused = editor.http.post(comments, json={"text": "You there", "mentions": [outsider.user_id]})

    assert problem(refused) == (422, "not_a_member")
    assert refused.json()["userIds"] == [outsider.user_id]
