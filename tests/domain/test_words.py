"""Which fields are people's words: said of every type of event, and taken out without a trace of them."""

from typing import get_args

import msgspec
import pytest

from collabcampus.domain import events as e
from collabcampus.domain import words
from domain.test_events import STORED

NO_WORDS = {
    "status", "rank", "color", "priority", "due_date", "start_date", "cover", "reminded", "role", "provider",
    "expires_at", "secret_hash", "address_digest", "undone", "reply_to", "forked_from",
    "assignees", "labels", "mentions", "comments", "items", "ranks", "reactions",
}  # fmt: skip
"""Fields of texts that hold what is chosen, computed or named by an id, and nothing that somebody wrote."""


def texts_of(kind: type[e.Event]) -> set[str]:
    """The fields of an event that may hold any text at all, ids apart."""
    return {
        each.encode_name
        for each in msgspec.structs.fields(kind)
        if (each.type is str or str in get_args(each.type))
        and not each.name.endswith("_id")
        and each.name not in NO_WORDS
    }


def test_every_type_of_event_says_which_of_its_fields_are_words() -> None:
    assert set(words.WORDS) == set(e.EVENT_TYPES.values())


@pytest.mark.parametrize("kind", e.EVENT_TYPES.values(), ids=lambda kind: kind.__name__)
def test_no_text_is_left_out(kind: type[e.Event]) -> None:
    assert set(words.WORDS[kind]) - {words.COLUMNS} == texts_of(kind)
    assert (words.COLUMNS in words.WORDS[kind]) == (words.COLUMNS in kind.__struct_fields__)


@pytest.mark.parametrize(("event", "stored"), STORED, ids=lambda each: type(each).__name__)
def test_an_event_without_its_words_reads_as_before_and_says_nothing(event: e.Event, stored: str) -> None:
    name, data = type(event).__name__, msgspec.json.decode(stored)
    said = words.words(name, data, words.EVERY_FIELD)

    after = words.without(name, data, said)

    read = e.decode_event(name, msgspec.json.encode(after))
    assert (read.key, type(read)) == (event.key, type(event))
    assert not words.words(name, after, words.EVERY_FIELD)
    assert after.keys() == data.keys()
    untouched = set(event.__struct_fields__) - set(words.WORDS[type(event)])
    assert all(getattr(read, each) == getattr(event, each) for each in untouched)


def test_a_column_event_says_the_name_of_its_own_column_alone() -> None:
    columns = [{"id": "todo", "name": "To do"}, {"id": "ann", "name": "For Ann"}]
    data = {"projectId": "p", "columnId": "ann", "columns": columns}

    said = words.words("ColumnAdded", data, words.EVERY_FIELD)

    assert said == {"For Ann"}
    assert words.without("ColumnMoved", data, said)["columns"] == [columns[0], {"id": "ann", "name": words.MARKER}]


def test_longer_words_go_from_the_middle_of_others_and_short_ones_do_not() -> None:
    quote = {"commentId": "c", "taskId": "t", "text": "> my sister is ill\nI am sorry"}

    assert words.without("CommentAdded", quote, {"my sister is ill"})["text"] == f"> {words.MARKER}\nI am sorry"
    assert words.without("CommentAdded", quote, {"ill"}) == quote
