"""A checkpoint's text says one thing alone, and its list of leaves is what its root is of."""

import pytest

from collabcampus.app import fresh_id
from collabcampus.evidence.checkpoint import Checkpoint, Leaf, Malformed, parse, parse_leaves
from collabcampus.evidence.tree import root

LEAVES = [Leaf(fresh_id(), 7, bytes(32)), Leaf(fresh_id(), 2**63 - 1, bytes(range(32)))]
ROOT = root(each.hashed for each in LEAVES)
FIRST = Checkpoint("collabcampus/1", 2, ROOT, "2026-11-27T15:00:00.000Z", None)
SECOND = Checkpoint("collabcampus/1", 0, root([]), "2026-11-27T15:00:00.001Z", bytes(32))


def test_a_text_is_parsed_to_what_was_written() -> None:
    for each in (FIRST, SECOND):
        assert parse(each.text()) == each
    assert parse_leaves("".join(each.line() for each in LEAVES)) == LEAVES
    assert parse_leaves("") == []


def test_what_would_not_be_written_so_is_no_checkpoint() -> None:
    text = SECOND.text()
    for wrong in (
        text[:-1],
        text + "\n",
        text + "more 1\n",
        text.replace("\n0\n", "\n00\n"),
        text.replace("=", "A"),
        "",
    ):
        with pytest.raises(Malformed):
            parse(wrong)
    line = LEAVES[0].line()
    for wrong in (line[:-1], line.upper(), line.replace(" 7 ", " 07 "), line.replace("A=", "B="), "\n", line + "x"):
        with pytest.raises(Malformed):
            parse_leaves(wrong)


def test_a_checkpoint_covers_its_leaves_in_their_order_and_no_others() -> None:
    first, second = LEAVES

    assert FIRST.covers(LEAVES)
    assert SECOND.covers([])
    for wrong in ([second, first], [first], [first, second, second], [Leaf(first.project_id, 8, first.hash), second]):
        assert not FIRST.covers(wrong)
