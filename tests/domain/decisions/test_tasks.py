"""Tasks: made, edited, assigned, moved, put away, copied, reminded of."""

import pytest
from msgspec import UNSET

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from domain.given import (
    ARCHIVED,
    CHAIR,
    DONE,
    EDITOR,
    FIRST,
    GARDEN,
    GONE,
    LATER,
    NEW,
    NEW_ITEM,
    NEW_LABEL,
    NOWHERE,
    OIL,
    OWNER,
    PROJECT,
    REMARK,
    SECOND,
    SPADE,
    STRANGER,
    THIRD,
    URGENT,
    VIEWER,
    By,
    Case,
    carried_out,
    given,
    order,
    table,
    then,
)
from strategies import a_copy

ME, HER, HIM, YOU = (each.user_id for each in (OWNER, EDITOR, VIEWER, STRANGER))
HEAD = len(GARDEN)
IN_DOING: list[e.Event | By] = [e.TaskMoved(THIRD, "doing", "a0")]
"""Which is full then."""
MEANWHILE: list[e.Event | By] = [(EDITOR, e.TaskEdited(FIRST, title="Dig here", priority="high"))]
FULL = errors.WipLimitReached(column="doing", limit=1)
COPIED = a_copy(
    NEW, "Weed", "All", "high", "2026-12-02", "2026-12-01", 2.5,
    ((NEW_ITEM, "Gloves", True), (NOWHERE, "Hoe", False)), "elsewhere", "Zz",
)  # fmt: skip
DUE: list[e.Event | By] = [e.TaskAssigned(THIRD, (HER, HIM))]
AGAIN: list[e.Event | By] = [e.DueReminded(THIRD, "2026-11-30")]
REMIND = c.RemindDue(THIRD, "2026-11-30")


def conflict(field: str, yours: object, theirs: object, position: int = HEAD + 1) -> errors.Refused:
    return errors.EditConflict(fields=[{"field": field, "yours": yours, "theirs": theirs, "position": position}])


CREATED = [
    Case(c.CreateTask("Weed", NEW), [e.TaskCreated(NEW, "Weed", "", "todo", "a3")], by=EDITOR),
    Case(c.CreateTask("Weed", NEW, status="done"), [e.TaskCreated(NEW, "Weed", "", "done", "a0")]),
    Case(c.CreateTask("Weed", NEW, status="doing"), [e.TaskCreated(NEW, "Weed", "", "doing", "a0")]),
    Case(c.CreateTask("Weed", NEW, before=FIRST), [e.TaskCreated(NEW, "Weed", "", "todo", "Zz")]),
    Case(c.CreateTask("Weed", NEW, after=FIRST), [e.TaskCreated(NEW, "Weed", "", "todo", "a0V")]),
    Case(c.CreateTask("Weed", NEW, after=FIRST, before=THIRD), [e.TaskCreated(NEW, "Weed", "", "todo", "a0V")]),
    Case(
        c.CreateTask(
            "Weed", NEW, "All of it", "done", (ME, HER, HER), UNSET, UNSET, (LATER, URGENT, LATER), "urgent",
            "2026-11-30T12:00:00Z", "2026-11-30T12:00:00Z", 2.5,
        ),
        [
            e.TaskCreated(
                NEW, "Weed", "All of it", "done", "a0", (ME, HER), (LATER, URGENT), "urgent",
                "2026-11-30T12:00:00Z", "2026-11-30T12:00:00Z", 2.5, (HER,),
            )
        ],
    ),
    Case(c.CopyTask(FIRST, copied=COPIED), [
        e.TaskCreated(
            NEW, "Weed", "All", "todo", "a3", (), (), "high", "2026-12-02", "2026-12-01", 2.5
        ),
        e.ChecklistItemAdded(NEW_ITEM, NEW, "Gloves", True, "a0"),
        e.ChecklistItemAdded(NOWHERE, NEW, "Hoe", False, "a1"),
    ]),
    Case(
        c.CopyTask(FIRST, "done", a_copy(NEW, "Weed", "", None, None, None, None, (), "todo", "a0")),
        [e.TaskCreated(NEW, "Weed", "", "done", "a0")],
    ),
]  # fmt: skip
EDITED = [
    Case(c.EditTask(SECOND, add_labels=(LATER,), remove_labels=(URGENT,)), [e.TaskEdited(SECOND, labels=(LATER,))]),
    Case(c.EditTask(FIRST, add_assignees=(HER,)), [e.TaskAssigned(FIRST, (HER,), (HER,))]),
    Case(
        c.EditTask(FIRST, add_assignees=(HER,), base_position=HEAD),
        [e.TaskAssigned(FIRST, (HIM, HER), (HER,))],
        after=[e.TaskAssigned(FIRST, (HIM,))],
    ),
    Case(c.EditTask(SECOND, add_labels=(URGENT,), remove_assignees=(YOU,)), []),
    Case(
        c.EditTasks((FIRST, SECOND), add_labels=(URGENT,), remove_assignees=(HIM,)),
        [e.TaskEdited(FIRST, labels=(URGENT,)), e.TaskAssigned(SECOND, (HER,))],
    ),
    Case(c.EditTask(FIRST, title="Dig deep"), [e.TaskEdited(FIRST, title="Dig deep")], by=EDITOR),
    Case(c.EditTask(FIRST, "Dig", "", (), "todo", labels=(), priority=None, due_date=None, estimate=None), []),
    Case(c.EditTask(FIRST), []),
    Case(
        c.EditTask(SECOND, "Sow", "Peas", priority=None, labels=(URGENT, LATER, URGENT), estimate=1.0),
        [e.TaskEdited(SECOND, description="Peas", priority=None, estimate=1.0)],
    ),
    Case(c.EditTask(SECOND, labels=(LATER, URGENT)), [e.TaskEdited(SECOND, labels=(LATER, URGENT))]),
    Case(c.EditTask(SECOND, labels=(URGENT, URGENT, LATER)), []),
    Case(c.EditTask(THIRD, due_date="2026-11-20"), [e.TaskEdited(THIRD, due_date="2026-11-20")]),
    Case(
        c.EditTask(THIRD, start_date="2026-12-01", due_date=None),
        [e.TaskEdited(THIRD, due_date=None, start_date="2026-12-01")],
    ),
    Case(
        c.EditTask(THIRD, start_date="2026-11-30T18:00:00Z"),
        [e.TaskEdited(THIRD, start_date="2026-11-30T18:00:00Z")],
    ),
    Case(
        c.EditTask(FIRST, description="d", assignees=(ME, HIM), status="done"),
        [
            e.TaskEdited(FIRST, description="d"),
            e.TaskAssigned(FIRST, (ME, HIM), (HIM,)),
            e.TaskMoved(FIRST, "done", "a0"),
        ],
    ),
    Case(c.EditTask(FIRST, after=THIRD), [e.TaskMoved(FIRST, "todo", "a3")]),
    Case(c.EditTask(THIRD, status="doing", title="Reap"), [], after=IN_DOING),
    Case(c.EditTask(FIRST, title="Dig deep", base_position=HEAD), [e.TaskEdited(FIRST, title="Dig deep")]),
    Case(
        c.EditTask(FIRST, title="Dig deep", base_position=HEAD + 1),
        [e.TaskEdited(FIRST, title="Dig deep")],
        after=MEANWHILE,
    ),
    Case(
        c.EditTask(FIRST, description="Deep", status="done", base_position=HEAD),
        [e.TaskEdited(FIRST, description="Deep"), e.TaskMoved(FIRST, "done", "a0")],
        after=MEANWHILE,
    ),
    Case(c.EditTask(FIRST, title="Dig here", base_position=HEAD), [], after=MEANWHILE),
    Case(
        c.EditTask(FIRST, assignees=(HIM, HIM), labels=(URGENT, URGENT), base_position=HEAD),
        [],
        after=[e.TaskAssigned(FIRST, (HIM,)), e.TaskEdited(FIRST, labels=(URGENT,))],
    ),
    Case(c.EditTask(FIRST, status="done", base_position=HEAD), [], after=[e.TaskMoved(FIRST, "done", "a0")]),
    Case(
        c.EditTask(FIRST, status="done", base_position=HEAD),
        [e.TaskMoved(FIRST, "done", "a0")],
        after=[e.TaskMoved(FIRST, "todo", "a3")],
    ),
    Case(
        c.EditTasks((FIRST, SECOND, FIRST), labels=(URGENT, LATER), priority="low"),
        [e.TaskEdited(FIRST, labels=(URGENT, LATER), priority="low")],
    ),
    Case(
        c.EditTasks((SECOND, FIRST), (HIM, ME), due_date="2026-12-01", start_date="2026-11-01", estimate=3),
        [
            e.TaskEdited(SECOND, due_date="2026-12-01", start_date="2026-11-01", estimate=3),
            e.TaskAssigned(SECOND, (HIM, ME)),
            e.TaskEdited(FIRST, due_date="2026-12-01", start_date="2026-11-01", estimate=3),
            e.TaskAssigned(FIRST, (HIM, ME), (HIM,)),
        ],
    ),
    Case(c.EditTasks((FIRST, SECOND)), []),
    Case(c.EditTasks((FIRST, SECOND), archived=True), [e.TaskArchived(FIRST), e.TaskArchived(SECOND)]),
    Case(c.EditTasks((FIRST, ARCHIVED), archived=True), [e.TaskArchived(FIRST)]),
    Case(c.EditTasks((ARCHIVED,), archived=True, labels=(URGENT,)), []),
    Case(
        c.EditTasks((ARCHIVED, FIRST, SECOND), archived=False),
        [e.TaskRestored(ARCHIVED, "done", "a0"), e.TaskRestored(FIRST, "todo", "a3")],
        after=[e.TaskArchived(FIRST)],
    ),
    Case(
        c.EditTasks((FIRST, SECOND), archived=False, priority="low"),
        [
            e.TaskEdited(FIRST, priority="low"),
            e.TaskRestored(FIRST, "todo", "a3"),
            e.TaskRestored(SECOND, "todo", "a4"),
        ],
        after=[e.TaskArchived(FIRST), e.TaskArchived(SECOND)],
    ),
    Case(c.AssignTask(FIRST, (HER, ME, HER)), [e.TaskAssigned(FIRST, (HER, ME), (HER,))]),
    Case(c.AssignTask(FIRST, (ME,)), [e.TaskAssigned(FIRST, (ME,))]),
    Case(c.AssignTask(SECOND, (HIM, HER, ME)), [e.TaskAssigned(SECOND, (HIM, HER, ME), (ME,))], by=EDITOR),
    Case(c.AssignTask(SECOND, (HER, HIM)), []),
    Case(c.AssignTask(SECOND, (HIM,)), [e.TaskAssigned(SECOND, (HIM,))]),
    Case(c.AssignTask(SECOND, ()), [e.TaskAssigned(SECOND, ())]),
    Case(c.AssignTask(FIRST, ()), []),
]  # fmt: skip
MOVED = [
    Case(c.MoveTask(FIRST, "done"), [e.TaskMoved(FIRST, "done", "a0")], by=EDITOR),
    Case(c.MoveTask(FIRST, "doing"), [e.TaskMoved(FIRST, "doing", "a0")]),
    Case(c.MoveTask(FIRST, "todo"), []),
    Case(c.MoveTask(FIRST, "todo", before=SECOND), []),
    Case(c.MoveTask(THIRD, "todo", after=SECOND), []),
    Case(c.MoveTask(SECOND, "todo", after=FIRST, before=THIRD), []),
    Case(c.MoveTask(THIRD, "doing"), [], after=IN_DOING),
    Case(c.MoveTasks((THIRD, FIRST), "done"), [e.TaskMoved(THIRD, "done", "a0"), e.TaskMoved(FIRST, "done", "a1")]),
    Case(c.MoveTasks((FIRST, SECOND, FIRST), "todo"), []),
    Case(c.MoveTasks((FIRST, SECOND), "todo", before=THIRD), []),
    Case(c.MoveTasks((SECOND, THIRD), "todo", after=FIRST), []),
    Case(c.MoveTasks((THIRD,), "doing"), [], after=IN_DOING),
    Case(c.MoveTasks((FIRST, THIRD), "done"), [e.TaskMoved(FIRST, "done", "a1")],
         after=[e.TaskMoved(THIRD, "done", "a0")]),
    Case(c.ArchiveTask(FIRST), [e.TaskArchived(FIRST)]),
    Case(c.ArchiveTask(ARCHIVED), []),
    Case(c.RestoreTask(ARCHIVED), [e.TaskRestored(ARCHIVED, "done", "a0")]),
    Case(c.RestoreTask(FIRST), [e.TaskRestored(FIRST, "todo", "a3")], after=[e.TaskArchived(FIRST)]),
    Case(c.RestoreTask(FIRST), []),
    Case(c.DeleteTask(FIRST), [e.TaskDeleted(FIRST, (REMARK,), (SPADE, OIL))]),
    Case(c.DeleteTask(SECOND), [e.TaskDeleted(SECOND)]),
    Case(c.DeleteTask(ARCHIVED), [e.TaskDeleted(ARCHIVED, (), (CHAIR,))]),
    Case(c.DeleteTask(GONE), []),
]  # fmt: skip
REMINDED = [
    Case(REMIND, [e.DueReminded(THIRD, "2026-11-30", (HER, HIM))], after=DUE, by=STRANGER),
    Case(REMIND, [e.DueReminded(THIRD, "2026-11-30")]),
    Case(REMIND, [], after=[*DUE, *AGAIN]),
    Case(REMIND, [], after=[e.TaskEdited(THIRD, due_date="2026-12-01")]),
    Case(REMIND, [], after=[e.TaskArchived(THIRD)]),
    Case(REMIND, [], after=[e.TaskDeleted(THIRD)]),
    Case(REMIND, [], after=[e.ProjectArchived(PROJECT)]),
    Case(
        c.RemindDue(THIRD, "2026-12-01"),
        [e.DueReminded(THIRD, "2026-12-01", (HER, HIM))],
        after=[*DUE, *AGAIN, e.TaskEdited(THIRD, due_date="2026-12-01")],
    ),
]
ACCEPTED = [*CREATED, *EDITED, *MOVED, *REMINDED]


def invalid(command: c.Command, day: str) -> Case:
    return Case(command, errors.InvalidDate(value=day))


TOO_MANY_TASKS = errors.LimitReached(limit="tasks per project", most=3)
FEW_TASKS = {"TASKS_PER_PROJECT": 3}
TOO_MANY_ASSIGNEES = errors.LimitReached(limit="assignees per task", most=1)
FEW_ASSIGNEES = {"ASSIGNEES_PER_TASK": 1}
TOO_MANY_LABELS = errors.LimitReached(limit="labels per task", most=1)
FEW_LABELS = {"LABELS_PER_TASK": 1}
NOT_THERE = errors.TaskNotFound()
PUT_AWAY = errors.TaskIsArchived()

REFUSED = [
    Case(c.CreateTask("Weed", FIRST), errors.IdTaken(taskId=FIRST)),
    Case(c.CreateTask("Weed", ARCHIVED), errors.IdTaken(taskId=ARCHIVED)),
    Case(c.CreateTask("Weed", GONE), errors.IdTaken(taskId=GONE)),
    Case(c.CreateTask("Weed", NEW, status="nowhere"), errors.ColumnNotFound(column="nowhere")),
    Case(c.CreateTask("Weed", NEW), errors.ColumnNotFound(), since=[
        e.ProjectCreated(PROJECT, "Garden", "", ()), e.MemberAdded(ME, "owner"),
    ]),
    Case(c.CreateTask("Weed", NEW, assignees=(HER, YOU)), errors.NotAMember(userIds=[YOU])),
    Case(c.CreateTask("Weed", NEW, assignees=(HER, HIM)), TOO_MANY_ASSIGNEES, limits=FEW_ASSIGNEES),
    Case(c.CreateTask("Weed", NEW, labels=(NEW_LABEL,)), errors.LabelNotFound(labelId=NEW_LABEL)),
    Case(c.CreateTask("Weed", NEW, labels=(URGENT, LATER)), TOO_MANY_LABELS, limits=FEW_LABELS),
    Case(c.CreateTask("Weed", NEW, before=NOWHERE), errors.NeighbourNotFound(taskId=NOWHERE)),
    Case(c.CreateTask("Weed", NEW, after=ARCHIVED), errors.NeighbourNotFound(taskId=ARCHIVED)),
    Case(c.CreateTask("Weed", NEW, status="done", before=FIRST), errors.NeighbourNotFound(taskId=FIRST)),
    Case(c.CreateTask("Weed", NEW, after=SECOND, before=FIRST), errors.Contradiction()),
    Case(c.CreateTask("Weed", NEW, status="doing"), FULL, after=IN_DOING),
    Case(c.CreateTask("Weed", NEW), TOO_MANY_TASKS, limits=FEW_TASKS),
    Case(c.CreateTask("Weed", NEW), errors.RoleTooLow(role="viewer", least="editor"), by=VIEWER),
    invalid(c.CreateTask("Weed", NEW, due_date="2026-02-30"), "2026-02-30"),
    invalid(c.CreateTask("Weed", NEW, start_date="2026-11-24T25:00:00Z"), "2026-11-24T25:00:00Z"),
    Case(c.CreateTask("Weed", NEW, start_date="2026-11-25", due_date="2026-11-24"), errors.StartAfterDue()),
    Case(c.CopyTask(FIRST), NOT_THERE),
    Case(
        c.CopyTask(FIRST, copied=a_copy(GONE, "W", "", None, None, None, None, (), "x", "a0")),
        errors.IdTaken(taskId=GONE),
    ),
    Case(c.CopyTask(FIRST, "nowhere", COPIED), errors.ColumnNotFound(column="nowhere")),
    Case(c.CopyTask(FIRST, "doing", COPIED), FULL, after=IN_DOING),
    Case(c.CopyTask(FIRST, copied=COPIED), TOO_MANY_TASKS, limits=FEW_TASKS),
    Case(c.EditTask(NOWHERE, title="x"), NOT_THERE),
    Case(c.EditTask(GONE, title="x"), NOT_THERE),
    Case(c.EditTask(ARCHIVED, title="x"), PUT_AWAY),
    Case(c.EditTask(FIRST, title="x", status="nowhere"), errors.ColumnNotFound(column="nowhere")),
    Case(c.EditTask(FIRST, title="x", status="doing"), FULL, after=IN_DOING),
    Case(c.EditTask(FIRST, title="x", assignees=(YOU,)), errors.NotAMember(userIds=[YOU])),
    Case(c.EditTask(FIRST, labels=(URGENT, NEW_LABEL)), errors.LabelNotFound(labelId=NEW_LABEL)),
    Case(c.EditTask(FIRST, labels=(URGENT, LATER)), TOO_MANY_LABELS, limits=FEW_LABELS),
    Case(c.EditTask(FIRST, before=FIRST), errors.Contradiction()),
    Case(c.EditTask(THIRD, due_date="2026-11-19"), errors.StartAfterDue()),
    Case(c.EditTask(THIRD, start_date="2026-12-01"), errors.StartAfterDue()),
    Case(
        c.EditTask(THIRD, start_date="2026-11-30T18:00:00Z", due_date="2026-11-30T17:00:00Z"), errors.StartAfterDue()
    ),
    invalid(c.EditTask(FIRST, due_date="2025-02-29"), "2025-02-29"),
    Case(
        c.EditTask(FIRST, title="Dig deep", base_position=HEAD),
        conflict("title", "Dig deep", "Dig here"),
        after=MEANWHILE,
    ),
    Case(
        c.EditTask(FIRST, "Dig deep", "Deep", priority=None, base_position=HEAD),
        errors.EditConflict(
            fields=[
                {"field": "title", "yours": "Dig deep", "theirs": "Dig here", "position": HEAD + 1},
                {"field": "priority", "yours": None, "theirs": "high", "position": HEAD + 1},
            ]
        ),
        after=MEANWHILE,
    ),
    Case(
        c.EditTask(FIRST, assignees=(HER,), base_position=HEAD),
        conflict("assignees", [HER], [HIM]),
        after=[e.TaskAssigned(FIRST, (HIM,))],
    ),
    Case(
        c.EditTask(FIRST, status="doing", base_position=HEAD),
        conflict("status", "doing", "done"),
        after=[e.TaskMoved(FIRST, "done", "a0")],
    ),
    Case(
        c.EditTask(FIRST, status="doing", base_position=HEAD),
        conflict("status", "doing", "done", HEAD + 2),
        after=[e.TaskArchived(FIRST), e.TaskRestored(FIRST, "done", "a1")],
    ),
    Case(
        c.EditTask(FIRST, due_date="2026-12-01", base_position=HEAD),
        conflict("dueDate", "2026-12-01", "2026-12-02", HEAD + 2),
        after=[*MEANWHILE, e.TaskEdited(FIRST, due_date="2026-12-02")],
    ),
    Case(c.EditTasks((FIRST, NOWHERE), priority="low"), NOT_THERE),
    Case(c.EditTasks((FIRST, ARCHIVED), priority="low"), PUT_AWAY),
    Case(c.EditTasks((ARCHIVED,), archived=True, priority="low"), PUT_AWAY),
    Case(c.EditTasks((FIRST, NOWHERE), archived=False), NOT_THERE),
    Case(c.EditTasks((FIRST,), assignees=(YOU,)), errors.NotAMember(userIds=[YOU])),
    Case(c.EditTasks((FIRST,), labels=(NEW_LABEL,)), errors.LabelNotFound(labelId=NEW_LABEL)),
    Case(c.EditTasks((FIRST, THIRD), due_date="2026-11-01"), errors.StartAfterDue()),
    invalid(c.EditTasks((FIRST,), start_date="2026-13-01"), "2026-13-01"),
    Case(c.EditTasks((ARCHIVED,), archived=False), TOO_MANY_TASKS, limits=FEW_TASKS),
    Case(
        c.EditTasks((FIRST, SECOND), archived=False),
        FULL,
        after=[
            e.TaskMoved(FIRST, "doing", "a0"), e.TaskArchived(FIRST),
            e.TaskMoved(SECOND, "doing", "a0"), e.TaskArchived(SECOND),
        ],
    ),
    Case(c.MoveTask(NOWHERE, "todo"), NOT_THERE),
    Case(c.MoveTask(ARCHIVED, "todo"), PUT_AWAY),
    Case(c.MoveTask(FIRST, "nowhere"), errors.ColumnNotFound(column="nowhere")),
    Case(c.MoveTask(FIRST, "doing"), FULL, after=IN_DOING),
    Case(c.MoveTask(FIRST, "todo", before=FIRST), errors.Contradiction()),
    Case(c.MoveTask(FIRST, "todo", before=SECOND, after=THIRD), errors.Contradiction()),
    Case(c.MoveTask(FIRST, "todo", before=SECOND, after=SECOND), errors.Contradiction()),
    Case(c.MoveTask(FIRST, "done", after=SECOND), errors.NeighbourNotFound(taskId=SECOND)),
    Case(c.MoveTasks((FIRST, NOWHERE), "done"), NOT_THERE),
    Case(c.MoveTasks((FIRST, ARCHIVED), "todo"), PUT_AWAY),
    Case(c.MoveTasks((FIRST,), "nowhere"), errors.ColumnNotFound(column="nowhere")),
    Case(c.MoveTasks((FIRST, SECOND), "doing"), FULL),
    Case(c.MoveTasks((FIRST, SECOND), "todo", after=SECOND), errors.Contradiction()),
    Case(c.MoveTasks((FIRST,), "todo", after=THIRD, before=SECOND), errors.Contradiction()),
    Case(c.MoveTasks((FIRST,), "done", after=SECOND), errors.NeighbourNotFound(taskId=SECOND)),
    Case(c.AssignTask(NOWHERE, ()), NOT_THERE),
    Case(c.AssignTask(ARCHIVED, ()), PUT_AWAY),
    Case(c.AssignTask(FIRST, (HER, YOU)), errors.NotAMember(userIds=[YOU])),
    Case(
        c.AssignTask(FIRST, (HER,), HEAD),
        conflict("assignees", (HER,), (HIM,)),
        after=[e.TaskAssigned(FIRST, (HIM,))],
    ),
    Case(c.AssignTask(FIRST, (HER, HIM)), TOO_MANY_ASSIGNEES, limits=FEW_ASSIGNEES),
    Case(c.ArchiveTask(NOWHERE), NOT_THERE),
    Case(c.RestoreTask(NOWHERE), NOT_THERE),
    Case(c.RestoreTask(ARCHIVED), TOO_MANY_TASKS, limits=FEW_TASKS),
    Case(
        c.RestoreTask(SECOND),
        FULL,
        after=[e.TaskMoved(SECOND, "doing", "a0"), e.TaskArchived(SECOND), *IN_DOING],
    ),
    Case(c.DeleteTask(NOWHERE), NOT_THERE),
    Case(c.DeleteTask(FIRST), errors.ProjectIsArchived(), after=[e.ProjectArchived(PROJECT)]),
]  # fmt: skip


@table(ACCEPTED)
def test_a_command_decides(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


@table(REFUSED)
def test_a_command_is_refused(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (c.MoveTask(THIRD, "todo", before=FIRST), [THIRD, FIRST, SECOND]),
        (c.MoveTask(THIRD, "todo", before=SECOND), [FIRST, THIRD, SECOND]),
        (c.MoveTask(FIRST, "todo", after=SECOND), [SECOND, FIRST, THIRD]),
        (c.MoveTask(FIRST, "todo", after=THIRD), [SECOND, THIRD, FIRST]),
        (c.MoveTask(THIRD, "todo", after=FIRST, before=SECOND), [FIRST, THIRD, SECOND]),
        (c.EditTask(THIRD, before=FIRST), [THIRD, FIRST, SECOND]),
        (c.CreateTask("Weed", NEW), [FIRST, SECOND, THIRD, NEW]),
        (c.CreateTask("Weed", NEW, after=FIRST), [FIRST, NEW, SECOND, THIRD]),
        (c.CreateTask("Weed", NEW, before=FIRST), [NEW, FIRST, SECOND, THIRD]),
        (c.MoveTasks((THIRD, SECOND), "todo", before=FIRST), [THIRD, SECOND, FIRST]),
        (c.MoveTasks((THIRD, SECOND), "todo", after=FIRST), [FIRST, THIRD, SECOND]),
        (c.MoveTasks((FIRST, THIRD), "todo", after=SECOND), [SECOND, FIRST, THIRD]),
        (c.MoveTasks((FIRST, THIRD), "todo", before=SECOND), [FIRST, THIRD, SECOND]),
        (c.MoveTasks((THIRD, FIRST, THIRD), "todo", before=SECOND), [THIRD, FIRST, SECOND]),
    ],
)
def test_a_client_says_where_and_the_tasks_stand_there(command: c.Command, expected: list[str]) -> None:
    assert order(carried_out(command, given(GARDEN))) == expected


def test_a_column_that_is_over_full_may_still_be_put_in_order() -> None:
    over_full = [e.ColumnEdited(PROJECT, "todo", (e.Column("todo", "To do", limit=2), DONE))]
    project = given([*GARDEN, *over_full])

    assert order(carried_out(c.MoveTasks((THIRD, SECOND), "todo", before=FIRST), project)) == [THIRD, SECOND, FIRST]


@pytest.mark.parametrize(
    ("neighbours", "expected"),
    [
        ({}, [THIRD, SECOND, FIRST]),
        ({"before": THIRD}, [SECOND, FIRST, THIRD]),
        ({"after": THIRD}, [THIRD, SECOND, FIRST]),
    ],
)
def test_tasks_dragged_to_another_column_arrive_together_as_they_are_named(
    neighbours: dict[str, str], expected: list[str]
) -> None:
    project = given([*GARDEN, e.TaskMoved(THIRD, "done", "a0")])

    moved = carried_out(c.MoveTasks((SECOND, FIRST), "done", **neighbours), project)
    assert order(moved, "done") == expected
    assert order(moved) == []


def test_several_tasks_are_changed_all_or_none() -> None:
    project = given(GARDEN)

    with pytest.raises(errors.TaskIsArchived):
        carried_out(c.EditTasks((FIRST, ARCHIVED), priority="low"), project)
    assert project == given(GARDEN)


def test_two_who_edit_different_fields_at_once_both_have_their_way() -> None:
    project = given(GARDEN)
    base = project.head

    project = carried_out(c.EditTask(FIRST, title="Dig deep", base_position=base), project)
    project = carried_out(c.EditTask(FIRST, priority="high", base_position=base), project, EDITOR)
    assert (project.tasks[FIRST].title, project.tasks[FIRST].priority) == ("Dig deep", "high")


def test_a_task_that_is_deleted_takes_its_comments_and_items_and_none_of_the_ids_comes_back() -> None:
    project = carried_out(c.DeleteTask(FIRST), given([*GARDEN, *MEANWHILE]))

    assert REMARK not in project.comments
    assert FIRST not in project.set_at
    assert not {SPADE, OIL} & set(project.items)
    assert {FIRST, REMARK, SPADE, OIL} <= project.spent


def test_a_restored_task_is_what_it_was_and_stands_last() -> None:
    project = carried_out(c.ArchiveTask(FIRST), given(GARDEN))
    assert order(project) == [SECOND, THIRD]

    project = carried_out(c.RestoreTask(FIRST), project)
    assert order(project) == [SECOND, THIRD, FIRST]
    assert [each.item_id for each in project.tasks[FIRST].checklist] == [SPADE, OIL]


def test_restored_tasks_of_a_column_that_is_gone_find_room_in_the_first_or_are_refused() -> None:
    limited = (e.Column("todo", "To do", limit=3), DONE)
    gone = [e.TaskMoved(SECOND, "doing", "a0"), e.TaskArchived(SECOND), e.ColumnRemoved(PROJECT, "doing", limited)]
    project = given([*GARDEN, *gone])

    assert order(carried_out(c.RestoreTask(SECOND), project)) == [FIRST, THIRD, SECOND]
    full = then(project, [e.TaskCreated(NEW, "Weed", "", "todo", "a5")])
    with pytest.raises(errors.WipLimitReached):
        carried_out(c.RestoreTask(SECOND), full)
