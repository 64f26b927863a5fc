"""Columns: each event carries all of them, since their order is one value."""

import pytest

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from domain.given import (
    ARCHIVED,
    DOING,
    DONE,
    EDITOR,
    FIRST,
    GARDEN,
    NEW,
    PROJECT,
    SECOND,
    THIRD,
    TO_DO,
    VIEWER,
    By,
    Case,
    carried_out,
    given,
    order,
    table,
)

REVIEW = e.Column("review", "Review")
IN_DOING: list[e.Event | By] = [e.TaskMoved(SECOND, "doing", "a0")]
ONE_COLUMN: list[e.Event | By] = [
    e.ColumnRemoved(PROJECT, "doing", (TO_DO, DONE)), e.ColumnRemoved(PROJECT, "done", (TO_DO,)),
]  # fmt: skip


def added(*columns: e.Column, column: str = "review") -> list[e.Event]:
    return [e.ColumnAdded(PROJECT, column, columns)]


def edited(column: str, *columns: e.Column) -> e.Event:
    return e.ColumnEdited(PROJECT, column, columns)


def moved(column: str, *columns: e.Column) -> e.Event:
    return e.ColumnMoved(PROJECT, column, columns)


def removed(column: str, *columns: e.Column) -> e.Event:
    return e.ColumnRemoved(PROJECT, column, columns)


PLAIN = e.Column("doing", "Doing")
BUSY = e.Column("doing", "Busy", "#1f6feb", 2)

ACCEPTED = [
    Case(c.AddColumn("Review"), added(TO_DO, DOING, DONE, REVIEW), by=EDITOR),
    Case(c.AddColumn("Review", before="todo"), added(REVIEW, TO_DO, DOING, DONE)),
    Case(c.AddColumn("Review", before="done"), added(TO_DO, DOING, REVIEW, DONE)),
    Case(c.AddColumn("Review", after="todo"), added(TO_DO, REVIEW, DOING, DONE)),
    Case(c.AddColumn("Review", after="todo", before="done"), added(TO_DO, REVIEW, DOING, DONE)),
    Case(
        c.AddColumn("Review", "r", "#1f6feb", 3),
        added(TO_DO, DOING, DONE, e.Column("r", "Review", "#1f6feb", 3), column="r"),
    ),
    Case(
        c.AddColumn("Doing", "doing"),
        added(TO_DO, DONE, PLAIN, column="doing"),
        after=[e.ColumnRemoved(PROJECT, "doing", (TO_DO, DONE))],
    ),
    Case(c.EditColumn("doing", name="Busy", color="#1f6feb", limit=2), [edited("doing", TO_DO, BUSY, DONE)]),
    Case(c.EditColumn("doing", limit=None), [edited("doing", TO_DO, PLAIN, DONE)]),
    Case(c.EditColumn("doing", name="Doing", color=None, limit=1), []),
    Case(c.EditColumn("doing"), []),
    Case(c.EditColumn("done", before="todo"), [moved("done", DONE, TO_DO, DOING)]),
    Case(c.EditColumn("done", after="doing"), []),
    Case(
        c.EditColumn("doing", limit=None, before="todo"),
        [edited("doing", TO_DO, PLAIN, DONE), moved("doing", PLAIN, TO_DO, DONE)],
    ),
    Case(c.MoveColumn("todo"), [moved("todo", DOING, DONE, TO_DO)]),
    Case(c.MoveColumn("done", after="todo"), [moved("done", TO_DO, DONE, DOING)]),
    Case(c.MoveColumn("done", before="todo"), [moved("done", DONE, TO_DO, DOING)]),
    Case(c.MoveColumn("done"), []),
    Case(c.MoveColumn("doing", after="todo", before="done"), []),
    Case(c.RemoveColumn("doing"), [removed("doing", TO_DO, DONE)]),
    Case(c.RemoveColumn("doing", move_to="done"), [removed("doing", TO_DO, DONE)]),
    Case(c.RemoveColumn("review"), []),
    Case(
        c.RemoveColumn("todo", move_to="done"),
        [
            e.TaskMoved(FIRST, "done", "a0"),
            e.TaskMoved(SECOND, "done", "a1"),
            e.TaskMoved(THIRD, "done", "a2"),
            removed("todo", DOING, DONE),
        ],
    ),
    Case(
        c.RemoveColumn("doing", move_to="todo"),
        [e.TaskMoved(SECOND, "todo", "a3"), removed("doing", TO_DO, DONE)],
        after=IN_DOING,
    ),
]
REFUSED = [
    Case(c.AddColumn("To do", "todo"), errors.IdTaken(columnId="todo")),
    Case(c.AddColumn("Done"), errors.IdTaken(columnId="done")),
    Case(c.AddColumn("To do"), errors.IdTaken(columnId="todo")),
    Case(c.AddColumn("Review", before="nowhere"), errors.ColumnNotFound(column="nowhere")),
    Case(c.AddColumn("Review", after="nowhere"), errors.ColumnNotFound(column="nowhere")),
    Case(c.AddColumn("Review", after="review"), errors.Contradiction()),
    Case(c.AddColumn("Review", after="done", before="todo"), errors.Contradiction()),
    Case(
        c.AddColumn("Review"), errors.LimitReached(limit="columns per project", most=3),
        limits={"COLUMNS_PER_PROJECT": 3},
    ),
    Case(c.AddColumn("Review"), errors.RoleTooLow(role="viewer", least="editor"), by=VIEWER),
    Case(c.EditColumn("nowhere", name="Busy"), errors.ColumnNotFound(column="nowhere")),
    Case(c.EditColumn("doing", before="nowhere"), errors.ColumnNotFound(column="nowhere")),
    Case(c.EditColumn("doing", after="doing"), errors.Contradiction()),
    Case(c.MoveColumn("nowhere"), errors.ColumnNotFound(column="nowhere")),
    Case(c.MoveColumn("doing", after="nowhere"), errors.ColumnNotFound(column="nowhere")),
    Case(c.MoveColumn("doing", before="doing"), errors.Contradiction()),
    Case(c.MoveColumn("doing", before="todo", after="done"), errors.Contradiction()),
    Case(c.RemoveColumn("todo"), errors.ColumnNotEmpty(tasks=3)),
    Case(c.RemoveColumn("todo", move_to="todo"), errors.Contradiction()),
    Case(c.RemoveColumn("todo", move_to="nowhere"), errors.ColumnNotFound(column="nowhere")),
    Case(c.RemoveColumn("todo", move_to="doing"), errors.WipLimitReached(column="doing", limit=1)),
    Case(
        c.RemoveColumn("todo", move_to="done"),
        errors.LastColumn(),
        after=ONE_COLUMN,
    ),
]  # fmt: skip


@table(ACCEPTED)
def test_a_command_decides(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


@table(REFUSED)
def test_a_command_is_refused(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


def test_the_tasks_of_a_column_that_goes_come_to_the_end_of_the_other_in_their_order() -> None:
    project = given([*GARDEN, e.TaskCreated(NEW, "Weed", "", "done", "a5")])

    assert order(carried_out(c.RemoveColumn("todo", move_to="done"), project), "done") == [NEW, FIRST, SECOND, THIRD]


def test_an_archived_task_does_not_keep_its_column_and_comes_back_to_the_first() -> None:
    project = carried_out(c.RemoveColumn("done"), given(GARDEN))

    assert project.tasks[ARCHIVED].status == "done"
    assert order(carried_out(c.RestoreTask(ARCHIVED), project)) == [FIRST, SECOND, THIRD, ARCHIVED]


def test_a_limit_below_what_is_there_lets_tasks_out_and_none_in(monkeypatch: pytest.MonkeyPatch) -> None:
    project = carried_out(c.EditColumn("todo", limit=2), given(GARDEN))

    assert order(carried_out(c.MoveTask(FIRST, "done"), project)) == [SECOND, THIRD]
    assert order(carried_out(c.MoveTask(FIRST, "todo"), project)) == [FIRST, SECOND, THIRD]
    assert order(carried_out(c.MoveTask(FIRST, "todo", after=SECOND), project)) == [SECOND, FIRST, THIRD]
    full = errors.WipLimitReached(column="todo", limit=2)
    after = [edited("todo", e.Column("todo", "To do", limit=2), DOING, DONE)]
    Case(c.CreateTask("Weed", NEW), full, after=after).holds(monkeypatch)
