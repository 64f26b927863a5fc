"""The chat over HTTP."""

import uuid
from urllib.parse import quote

import pytest

from answering import done, items, made, pages, problem
from running import Person
from world import World


@pytest.fixture
def messages(path: str) -> str:
    return f"{path}/messages"


def test_a_message_is_sent_edited_and_taken_away(world: World, messages: str, owner: Person, editor: Person) -> None:
    body = {"text": "Rain!", "replyTo": world.messages[owner], "mentions": [owner.user_id]}
    sent = editor.http.post(messages, json=body)
    assert sent.status_code == 201
    message = sent.json()
    own = f"{messages}/{message['messageId']}"
    assert message == {
        "messageId": message["messageId"], **body, "author": editor.user_id, "at": message["at"],
        "position": message["position"], "reactions": {}, "editedAt": None,
    }  # fmt: skip
    assert items(editor, messages)[0] == message

    edited = editor.http.patch(own, json={"text": "Snow!"}).json()

    assert edited == {
        **message, "text": "Snow!", "editedAt": edited["editedAt"],
        "position": message["position"] + 1,
    }  # fmt: skip
    assert items(editor, messages)[0] == {**edited, "position": message["position"]}, "where it was said"
    gone, again = (editor.http.delete(own) for _ in range(2))
    assert (list(gone.json()), again.json()) == (["position"], gone.json())
    assert message["messageId"] not in [each["messageId"] for each in items(editor, messages)]


def test_the_chat_pages_newest_first(messages: str, editor: Person) -> None:
    for number in range(3):
        editor.http.post(messages, json={"text": str(number)})

    assert [each["text"] for each in pages(editor, messages)] == ["2", "1", "0", "Hello", "Hello"]


@pytest.mark.parametrize("emoji", ["👍", "👩‍🌾", ":+1:", "100%", "?", "a#b"])
def test_people_react_and_take_it_back(
    world: World, messages: str, owner: Person, editor: Person, emoji: str
) -> None:
    reaction = f"{messages}/{world.messages[owner]}/reactions/{quote(emoji, safe='')}"

    both = [done(person.http.put(reaction)) for person in (owner, editor, editor)]
    back = done(owner.http.delete(reaction))

    assert [each["reactions"] for each in both] == [
        {emoji: [owner.user_id]}, {emoji: [owner.user_id, editor.user_id]}, {emoji: [owner.user_id, editor.user_id]},
    ]  # fmt: skip
    assert back["reactions"] == {emoji: [editor.user_id]}
    assert done(editor.http.delete(reaction))["reactions"] == {}


@pytest.mark.parametrize("emoji", ["%20", "%00", "%22", "x" * 33, "%5C"])
def test_what_is_no_emoji_is_refused(world: World, messages: str, owner: Person, emoji: str) -> None:
    reaction = f"{messages}/{world.messages[owner]}/reactions/{emoji}"

    assert problem(owner.http.put(reaction)) == (400, "invalid_body")
    assert problem(owner.http.delete(reaction)) == (400, "invalid_body")


def test_a_message_is_its_authors_to_edit_and_an_owners_to_take_away_too(
    world: World, messages: str, owner: Person, editor: Person
) -> None:
    owners, editors = (f"{messages}/{world.messages[each]}" for each in (owner, editor))

    assert problem(owner.http.patch(editors, json={"text": "No"})) == (403, "not_your_own")
    assert problem(editor.http.delete(owners)) == (403, "not_your_own")
    assert owner.http.delete(editors).status_code == 200


def test_a_message_of_another_project_is_as_unknown_as_none(messages: str, editor: Person) -> None:
    elsewhere = f"/api/projects/{editor.project()}/messages"
    theirs = made(editor.http.post(elsewhere, json={"text": "Theirs"}))["messageId"]

    for unknown in (theirs, str(uuid.uuid4())):
        for answer in (
            editor.http.patch(f"{messages}/{unknown}", json={"text": "Mine"}),
            editor.http.delete(f"{messages}/{unknown}"),
            editor.http.put(f"{messages}/{unknown}/reactions/x"),
            editor.http.delete(f"{messages}/{unknown}/reactions/x"),
            editor.http.post(messages, json={"text": "Yes", "replyTo": unknown}),
        ):
            assert problem(answer) == (404, "message_not_found")
