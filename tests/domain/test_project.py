"""The fold: a left-to-right merge that never refuses and does not care how events are batched."""

from hypothesis import given
from hypothesis import strategies as st

from collabcampus.domain import events as e
from collabcampus.domain.project import evolve, fold, initial
from domain.given import PROJECT
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
