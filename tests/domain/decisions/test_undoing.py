"""Undo and redo: what they bring back, and what stands in their way."""

from contextlib import suppress

import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.decisions.undoing import REVERSIBLE
from collabcampus.domain.project import Actor, initial
from domain.decisions.undone import Told, board
from domain.given import EDITOR, FIRST, GARDEN, OWNER, PROJECT, REMARK, SECOND, SPADE, URGENT, Case, given, table
from domain.histories import histories
from strategies import asks, some_id

MOVED = e.record(PROJECT, 900, OWNER.user_id, some_id("command", 1), "", [e.TaskMoved(FIRST, "done", "a5")])
SAID = e.record(PROJECT, 900, OWNER.user_id, some_id("command", 1), "", [e.TaskDeleted(FIRST)])
PAST = c.Past(some_id("command", 1), tuple(MOVED), given(GARDEN))
NOTHING = c.Past(some_id("command", 1), (), initial(PROJECT))

ACCEPTED = [
    Case(
        c.Undo(past=PAST),
        [e.CommandUndone(some_id("command", 1)), e.TaskMoved(FIRST, "todo", "a0")],
        by=EDITOR,
        after=[e.TaskMoved(FIRST, "done", "a5")],
    ),
    Case(
        c.Redo(of_command=some_id("command", 1), past=PAST),
        [e.CommandRedone(some_id("command", 1)), e.TaskMoved(FIRST, "todo", "a0")],
        after=[e.TaskMoved(FIRST, "done", "a5")],
    ),
    Case(c.Undo(past=NOTHING), []),
    Case(c.Redo(position=7, past=NOTHING), []),
]
REFUSED = [
    Case(c.Undo(), errors.NothingToUndo()),
    Case(c.Redo(position=7), errors.NothingToUndo()),
    Case(
        c.Undo(some_id("command", 1), 7),
        errors.InvalidPayload(reason="ofCommand and position: one of them is enough"),
    ),
    Case(c.Undo(past=c.Past("", tuple(SAID), given(GARDEN))), errors.CannotBeUndone(event="TaskDeleted")),
    Case(
        c.Undo(past=PAST),
        errors.UndoConflict(fields=["status", "rank"], taskId=FIRST),
        after=[e.TaskMoved(FIRST, "doing", "a7")],
    ),
    Case(
        c.Undo(past=PAST),
        errors.TaskIsArchived(),
        after=[e.TaskMoved(FIRST, "done", "a5"), e.TaskArchived(FIRST)],
    ),
    Case(c.Undo(past=PAST), errors.UndoConflict(taskId=FIRST), after=[e.TaskDeleted(FIRST)]),
]


@table([*ACCEPTED, *REFUSED])
def test_undo(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


@settings(max_examples=200, deadline=None)
@over(histories, st.lists(asks(), min_size=1, max_size=6))
def test_an_undo_gives_the_board_of_before_and_a_redo_that_of_after(
    history: list[e.Recorded], asked: list[tuple[c.Command, Actor]]
) -> None:
    garden = Told(history)
    for command, actor in asked:
        before = board(garden.project)
        own: list[e.Recorded] = []
        with suppress(errors.Refused):
            own = garden.does(command, actor)
        if own and all(isinstance(each.event, REVERSIBLE) for each in own):
            comes_and_goes(garden, own, actor, before)


def comes_and_goes(garden: Told, own: list[e.Recorded], actor: Actor, before: object) -> None:
    """Undone, redone, undone again: nobody did anything in between, so nothing but a full column is in the way."""
    after = board(garden.project)
    for here, there in ((before, after), (before, after)):
        try:
            own = garden.undoes(own, actor)
        except errors.WipLimitReached:
            return
        assert here == board(garden.project)
        own = garden.redoes(own, actor)
        assert there == board(garden.project)


def test_what_comes_back_has_its_own_id_and_can_go_again() -> None:
    garden = begun()
    garden.does(c.CreateLabel("Urgent", label_id=URGENT))
    garden.does(c.CreateTask("Dig", FIRST, labels=(URGENT,)))
    garden.does(c.AddChecklistItem(FIRST, "Spade", SPADE))
    gone = garden.does(c.DeleteLabel(URGENT)), garden.does(c.RemoveChecklistItem(FIRST, SPADE))

    for each in gone:
        garden.undoes(each)

    assert garden.project.tasks[FIRST].labels == (URGENT,)
    assert [each.item_id for each in garden.project.tasks[FIRST].checklist] == [SPADE]
    assert garden.does(c.DeleteLabel(URGENT))
    assert garden.does(c.RemoveChecklistItem(FIRST, SPADE))


def test_a_task_whose_creation_is_undone_is_archived_and_comes_back() -> None:
    garden = begun()
    made = garden.does(c.CreateTask("Dig", FIRST))

    undone = garden.undoes(made)

    assert [e.CommandUndone(made[0].command_id), e.TaskArchived(FIRST)] == [each.event for each in undone]
    assert isinstance(garden.redoes(undone)[-1].event, e.TaskRestored)


@pytest.mark.parametrize(
    "since",
    [
        c.EditTask(FIRST, title="Dig deeper"),
        c.AddComment(FIRST, "Deep?", REMARK),
        c.AddChecklistItem(FIRST, "Spade", SPADE),
        c.DeleteTask(FIRST),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_task_that_others_built_on_is_not_undone(since: c.Command) -> None:
    garden = begun()
    made = garden.does(c.CreateTask("Dig", FIRST))
    garden.does(since, EDITOR)

    with pytest.raises(errors.UndoConflict):
        garden.undoes(made)


def test_a_value_that_was_set_again_since_stays_even_where_it_is_the_same_by_now() -> None:
    garden = begun()
    garden.does(c.CreateTask("Dig", FIRST))
    own = garden.does(c.EditTask(FIRST, priority="high"))
    garden.does(c.EditTask(FIRST, priority="low"), EDITOR)
    garden.does(c.EditTask(FIRST, priority="high"), EDITOR)

    with pytest.raises(errors.UndoConflict) as refused:
        garden.undoes(own)
    assert refused.value.details == {"fields": ["priority"], "taskId": FIRST}


def test_what_was_set_since_and_undone_is_not_in_the_way() -> None:
    garden = begun()
    garden.does(c.CreateTask("Dig", FIRST))
    first = garden.does(c.EditTask(FIRST, priority="high"))
    garden.undoes(garden.does(c.EditTask(FIRST, priority="low"), EDITOR), EDITOR)

    garden.undoes(first)

    assert garden.project.tasks[FIRST].priority is None


def test_what_others_did_beside_it_stays() -> None:
    garden = begun()
    garden.does(c.CreateTask("Dig", FIRST))
    edited, added = garden.does(c.EditTask(FIRST, priority="high")), garden.does(c.AddColumn("Review", after="todo"))
    garden.does(c.EditTask(FIRST, title="Dig deeper"), EDITOR)
    garden.does(c.EditColumn("done", name="Finished"), EDITOR)

    garden.undoes(edited)
    garden.undoes(added)

    task = garden.project.tasks[FIRST]
    assert (task.title, task.priority) == ("Dig deeper", None)
    assert [each.name for each in garden.project.columns] == ["To do", "In progress", "Finished"]


def test_a_column_that_others_put_tasks_into_stays() -> None:
    garden = begun()
    added = garden.does(c.AddColumn("Review"))
    garden.does(c.CreateTask("Dig", FIRST, status="review"), EDITOR)

    with pytest.raises(errors.UndoConflict) as refused:
        garden.undoes(added)
    assert refused.value.details == {"columnId": "review"}


def test_a_rank_that_somebody_has_by_now_is_not_taken_twice() -> None:
    garden = begun()
    garden.does(c.CreateTask("Dig", FIRST))
    moved = garden.does(c.MoveTask(FIRST, "done"))
    garden.does(c.CreateTask("Sow", SECOND), EDITOR)

    garden.undoes(moved)

    first, second = garden.project.column("todo")
    assert first[0] < second[0]


def begun() -> Told:
    """A project with an editor."""
    garden = Told()
    garden.does(c.CreateProject("Garden"))
    garden.does(c.AddMember("editor", EDITOR.user_id))
    return garden
