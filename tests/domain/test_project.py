"""The fold: a left-to-right merge that never refuses and does not care how events are batched."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collabcampus.domain import events as e
from collabcampus.domain.project import evolve, fold, initial
from domain.given import GARDEN, PROJECT, then
from domain.given import given as given_history
from domain.histories import histories


@given(histories, st.data())
def test_one_by_one_batch_by_batch_and_all_at_once_give_the_same_project(
    history: list[e.Recorded], data: st.DataObject
) -> None:
    one_by_one = initial(PROJECT)
    for each in history:
        one_by_one = evolve(one_by_one, each)
    cut = data.draw(st.integers(0, len(history)))

    assert one_by_one == fold(initial(PROJECT), history)
    assert one_by_one == fold(fold(initial(PROJECT), history[:cut]), history[cut:])


@given(histories)
def test_evolving_leaves_the_earlier_state_as_it_was(history: list[e.Recorded]) -> None:
    states = [initial(PROJECT)]
    for each in history:
        states.append(evolve(states[-1], each))

    for head, state in enumerate(states):
        assert state == fold(initial(PROJECT), history[:head])


@given(histories)
def test_positions_are_dense_and_the_head_is_the_last(history: list[e.Recorded]) -> None:
    assert [each.position for each in history] == list(range(1, len(history) + 1))
    assert fold(initial(PROJECT), history).head == len(history)


@given(histories)
def test_stored_bytes_read_back_as_the_same_event(history: list[e.Recorded]) -> None:
    for each in history:
        assert e.decode_event(each.type, e.encode_event(each.event)) == each.event


@given(histories, st.randoms(use_true_random=False))
def test_whatever_is_missing_before_it_no_event_is_refused(history: list[e.Recorded], chance: random.Random) -> None:
    fold(initial(PROJECT), [each for each in history if chance.random() < 0.7])


MISSING = [
    e.TaskMoved("t", "todo", "a0"),
    e.TaskEdited("t", "Dig"),
    e.TaskAssigned("t", ()),
    e.TaskArchived("t"),
    e.TaskRestored("t", "todo", "a0"),
    e.DueReminded("t", "2026-11-30"),
    e.ChecklistItemAdded("i", "t", "Spade", False, "a0"),
    e.ChecklistItemEdited("i", "t", "Hoe"),
    e.ColumnRebalanced("p", "nowhere", {"t": "a0"}),
    e.LabelEdited("l", "Soon"),
    e.InvitationAccepted("v", "u", 1),
    e.CommentEdited("c", "t", "Deeper?"),
    e.MessageEdited("m", "Hi"),
    e.MessageReacted("m", {"👍": ("u",)}),
    e.MemberRemoved("u"),
]


@pytest.mark.parametrize("event", MISSING, ids=lambda event: type(event).__name__)
def test_an_event_about_what_is_not_there_changes_the_head_alone(event: e.Event) -> None:
    before = given_history(GARDEN)
    after = then(before, [event])

    after.head = before.head
    after.places.pop("nowhere", None)  # a column without tasks, whichever way it is said
    assert before == after
