"""The fold: a left-to-right merge that never refuses and does not care how events are batched."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.errors import Refused
from collabcampus.domain.project import Actor, Project, evolve, fold, initial
from strategies import OWNER, actors, commands, some_id

PROJECT = some_id("project", 0)
AT = "2026-11-24T12:00:00.000Z"


def recorded(project: Project, actor: Actor, events: Sequence[e.Event]) -> list[e.Recorded]:
    """Events as the log would number them."""
    command_id = some_id("command", project.head)
    return e.record(PROJECT, project.head, actor.user_id, command_id, AT, events)


def history_of(asked: list[tuple[c.Command, Actor]]) -> list[e.Recorded]:
    """The history that commands make, refused ones left out."""
    project, history = initial(PROJECT), []
    for command, actor in [(c.CreateProject("Garden"), OWNER), *asked]:
        try:
            fresh = recorded(project, actor, decide(command, project, actor))
        except Refused:
            continue
        project = fold(project, fresh)
        history += fresh
    return history


histories = st.lists(st.tuples(commands(), actors), max_size=40).map(history_of)


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
def test_every_task_stands_in_exactly_one_place_and_ranks_are_unique_in_a_column(history: list[e.Recorded]) -> None:
    project = fold(initial(PROJECT), history)

    places = [(status, *place) for status, column in project.places.items() for place in column]
    assert sorted(places) == sorted((each.status, each.rank, each.task_id) for each in project.tasks.values())
    assert len({(status, rank) for status, rank, _ in places}) == len(places)
    assert all(column == sorted(column) for column in project.places.values())


@given(histories)
def test_positions_are_dense_and_the_head_is_the_last(history: list[e.Recorded]) -> None:
    assert [each.position for each in history] == list(range(1, len(history) + 1))
    assert fold(initial(PROJECT), history).head == len(history)


@given(histories)
def test_stored_bytes_read_back_as_the_same_event(history: list[e.Recorded]) -> None:
    for each in history:
        assert e.decode_event(each.type, e.encode_event(each.event)) == each.event


@given(st.lists(st.tuples(commands(), actors), max_size=30))
def test_a_command_repeated_decides_nothing(asked: list[tuple[c.Command, Actor]]) -> None:
    project = fold(initial(PROJECT), history_of([]))
    for command, actor in asked:
        try:
            events = decide(command, project, actor)
        except Refused:
            continue
        project = fold(project, recorded(project, actor, events))
        try:
            again = decide(command, project, actor)
        except Refused:
            continue  # one's own leaving, or an id that is now taken: its commandId answers for it
        assert again == []
