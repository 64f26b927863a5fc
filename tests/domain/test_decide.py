"""Given a history, when a command comes, then these events or this refusal."""

from typing import Any

import pytest

from collabcampus.domain import commands as c
from collabcampus.domain import errors, limits
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.project import Actor, Project, fold, initial
from strategies import OWNER, PEOPLE, TASKS, some_id

PROJECT = some_id("project", 0)
EDITOR, VIEWER, STRANGER = (Actor(each) for each in PEOPLE[1:])
FIRST, SECOND, THIRD, *_ = TASKS
COLUMNS = (e.Column("todo", "To do"), e.Column("done", "Done"))
BEGUN: list[e.Event] = [
    e.ProjectCreated(PROJECT, "Garden", "", COLUMNS),
    e.MemberAdded(OWNER.user_id, "owner"),
    e.MemberAdded(EDITOR.user_id, "editor"),
    e.MemberAdded(VIEWER.user_id, "viewer"),
]
THREE_TASKS = [
    *BEGUN,
    e.TaskCreated(FIRST, "Dig", "", "todo", "a0"),
    e.TaskCreated(SECOND, "Sow", "", "todo", "a1"),
    e.TaskCreated(THIRD, "Reap", "", "todo", "a2"),
]


def given(events: list[e.Event]) -> Project:
    """The project after a history."""
    at = "2026-11-24T12:00:00.000Z"
    return fold(initial(PROJECT), e.record(PROJECT, 0, OWNER.user_id, some_id("command", 0), at, events))


def order(project: Project, event: e.Event) -> list[str]:
    """The first column after one more event."""
    after = fold(project, e.record(PROJECT, project.head, OWNER.user_id, some_id("c", 0), "", [event]))
    return [task_id for _, task_id in after.column("todo")]


def test_a_project_begins_with_its_columns_and_its_owner() -> None:
    assert decide(c.CreateProject("Garden"), initial(PROJECT), OWNER) == [
        e.ProjectCreated(
            PROJECT, "Garden", "",
            (e.Column("todo", "To do"), e.Column("in-progress", "In progress"), e.Column("done", "Done")),
        ),
        e.MemberAdded(OWNER.user_id, "owner"),
    ]  # fmt: skip


def test_columns_may_be_named_alone_and_get_a_slug() -> None:
    created = decide(
        c.CreateProject("G", columns=("In Review!", c.NewColumn("Über", id="u"))), initial(PROJECT), OWNER
    )

    assert created[0] == e.ProjectCreated(
        PROJECT, "G", "", (e.Column("in-review", "In Review!"), e.Column("u", "Über"))
    )


@pytest.mark.parametrize(
    ("command", "events"),
    [
        (c.EditProject(name="Park"), [e.ProjectEdited(PROJECT, name="Park")]),
        (c.EditProject(name="Garden"), []),
        (c.AddMember("viewer", STRANGER.user_id), [e.MemberAdded(STRANGER.user_id, "viewer", (STRANGER.user_id,))]),
        (c.AddMember("editor", EDITOR.user_id), []),
        (c.ChangeMember(EDITOR.user_id, "owner"), [e.MemberRoleChanged(EDITOR.user_id, "owner")]),
        (c.ChangeMember(EDITOR.user_id, "editor"), []),
        (c.RemoveMember(EDITOR.user_id), [e.MemberRemoved(EDITOR.user_id)]),
        (c.RemoveMember(STRANGER.user_id), []),
        (c.CreateTask("Weed", TASKS[3]), [e.TaskCreated(TASKS[3], "Weed", "", "todo", "a3")]),
        (c.CreateTask("Weed", TASKS[3], status="done"), [e.TaskCreated(TASKS[3], "Weed", "", "done", "a0")]),
        (c.MoveTask(FIRST, "done"), [e.TaskMoved(FIRST, "done", "a0")]),
        (c.MoveTask(FIRST, "todo"), []),
        (c.MoveTask(FIRST, "todo", before=SECOND), []),
        (c.MoveTask(THIRD, "todo", after=SECOND), []),
        (c.EditTask(FIRST, title="Dig", description=""), []),
        (c.EditTask(FIRST, title="Dig deep"), [e.TaskEdited(FIRST, title="Dig deep")]),
        (
            c.EditTask(FIRST, description="d", status="done"),
            [e.TaskEdited(FIRST, description="d"), e.TaskMoved(FIRST, "done", "a0")],
        ),
        (c.AssignTask(FIRST, (EDITOR.user_id,) * 2), [e.TaskAssigned(FIRST, (EDITOR.user_id,), (EDITOR.user_id,))]),
        (c.AssignTask(FIRST, ()), []),
        (c.DeleteTask(FIRST), [e.TaskDeleted(FIRST)]),
        (c.SendMessage("Hello", some_id("m", 1)), [e.MessageSent(some_id("m", 1), "Hello")]),
    ],
)
def test_an_owners_command_decides(command: c.Command, events: list[e.Event]) -> None:
    assert decide(command, given(THREE_TASKS), OWNER) == events


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (c.MoveTask(THIRD, "todo", before=FIRST), [THIRD, FIRST, SECOND]),
        (c.MoveTask(THIRD, "todo", before=SECOND), [FIRST, THIRD, SECOND]),
        (c.MoveTask(FIRST, "todo", after=SECOND), [SECOND, FIRST, THIRD]),
        (c.MoveTask(FIRST, "todo", after=THIRD), [SECOND, THIRD, FIRST]),
        (c.MoveTask(THIRD, "todo", after=FIRST, before=SECOND), [FIRST, THIRD, SECOND]),
        (c.CreateTask("Weed", TASKS[3], after=FIRST), [FIRST, TASKS[3], SECOND, THIRD]),
    ],
)
def test_a_client_says_where_and_the_task_stands_there(command: c.Command, expected: list[str]) -> None:
    project = given(THREE_TASKS)

    assert order(project, decide(command, project, OWNER)[0]) == expected


@pytest.mark.parametrize(
    ("command", "actor", "refusal"),
    [
        (c.EditProject(name="Park"), STRANGER, errors.ProjectNotFound),
        (c.EditProject(name="Park"), VIEWER, errors.RoleTooLow),
        (c.CreateTask("Weed", TASKS[3]), VIEWER, errors.RoleTooLow),
        (c.SendMessage("Hello", some_id("m", 1)), VIEWER, errors.RoleTooLow),
        (c.AddMember("viewer", STRANGER.user_id), EDITOR, errors.RoleTooLow),
        (c.RemoveMember(VIEWER.user_id), EDITOR, errors.RoleTooLow),
        (c.RemoveMember(OWNER.user_id), OWNER, errors.LastOwner),
        (c.ChangeMember(OWNER.user_id, "viewer"), OWNER, errors.LastOwner),
        (c.ChangeMember(STRANGER.user_id, "viewer"), OWNER, errors.MemberNotFound),
        (c.AddMember("owner", EDITOR.user_id), OWNER, errors.AlreadyMember),
        (c.AddMember("owner"), OWNER, errors.UserNotFound),
        (c.CreateTask("Weed", FIRST), OWNER, errors.IdTaken),
        (c.CreateTask("Weed", TASKS[3], status="nowhere"), OWNER, errors.ColumnNotFound),
        (c.CreateTask("Weed", TASKS[3], assignees=(STRANGER.user_id,)), OWNER, errors.NotAMember),
        (c.CreateTask("Weed", TASKS[3], status="done", before=FIRST), OWNER, errors.NeighbourNotFound),
        (c.MoveTask(TASKS[5], "todo"), OWNER, errors.TaskNotFound),
        (c.MoveTask(FIRST, "nowhere"), OWNER, errors.ColumnNotFound),
        (c.MoveTask(FIRST, "todo", before=FIRST), OWNER, errors.Contradiction),
        (c.MoveTask(FIRST, "todo", before=SECOND, after=THIRD), OWNER, errors.Contradiction),
        (c.MoveTask(FIRST, "done", after=SECOND), OWNER, errors.NeighbourNotFound),
        (c.EditTask(TASKS[5], title="x"), OWNER, errors.TaskNotFound),
        (c.AssignTask(FIRST, (STRANGER.user_id,)), OWNER, errors.NotAMember),
        (c.DeleteTask(TASKS[5]), OWNER, errors.TaskNotFound),
        (c.CreateProject("Garden"), OWNER, errors.IdTaken),
    ],
)
def test_a_command_is_refused(command: c.Command, actor: Actor, refusal: type[errors.Refused]) -> None:
    with pytest.raises(refusal):
        decide(command, given(THREE_TASKS), actor)


def test_a_deleted_tasks_id_is_spent() -> None:
    project = given([*THREE_TASKS, e.TaskDeleted(FIRST)])

    assert decide(c.DeleteTask(FIRST), project, OWNER) == []
    with pytest.raises(errors.IdTaken):
        decide(c.CreateTask("Dig", FIRST), project, OWNER)


def test_a_member_may_leave_whatever_the_role() -> None:
    assert decide(c.RemoveMember(VIEWER.user_id), given(BEGUN), VIEWER) == [e.MemberRemoved(VIEWER.user_id)]


def test_two_columns_cannot_have_one_id() -> None:
    with pytest.raises(errors.DuplicateColumn):
        decide(c.CreateProject("Garden", columns=("To do", "to-do")), initial(PROJECT), OWNER)


def test_a_board_holds_so_many_tasks_and_the_refusal_names_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TASKS_PER_PROJECT", 3)

    with pytest.raises(errors.LimitReached) as refused:
        decide(c.CreateTask("Weed", TASKS[3]), given(THREE_TASKS), OWNER)
    assert refused.value.as_error()["limit"] == "tasks"


def test_a_refusals_code_is_its_name_and_its_message_its_docstring() -> None:
    error: dict[str, Any] = errors.TaskNotFound().as_error()

    assert error == {"code": "task_not_found", "message": "There is no such task."}
