"""Given a history, when a command comes, then events or a refusal: what holds for every command.

What each command decides, and why it is refused, stands case by case in `decisions/`.
"""

import ast
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given as over
from hypothesis import settings

import collabcampus.domain
from collabcampus.domain import commands as c
from collabcampus.domain import errors, permissions
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.project import Actor, Project, fold, initial
from domain.decisions import (
    test_chat,
    test_checklists,
    test_columns,
    test_comments,
    test_labels,
    test_members,
    test_projects,
    test_tasks,
    test_undoing,
)
from domain.given import (
    AT,
    EDITOR,
    GARDEN,
    NOWHERE,
    OWNER,
    PROJECT,
    STRANGER,
    VIEWER,
    Case,
    given,
)
from domain.histories import BEGIN, Asked, asked, histories, recorded

SUBJECTS: Any = (
    test_projects, test_columns, test_labels, test_members, test_tasks, test_checklists, test_comments, test_chat,
    test_undoing,
)  # fmt: skip
ACCEPTED: list[Case] = [case for subject in SUBJECTS for case in subject.ACCEPTED]
REFUSED: list[Case] = [case for subject in SUBJECTS for case in subject.REFUSED]
COMMANDS: tuple[type[c.Command], ...] = get_args(c.Command)
SAMPLES: dict[type[c.Command], c.Command] = {
    **{kind: next(case.command for case in ACCEPTED if type(case.command) is kind) for kind in COMMANDS},
    c.RemoveMember: c.RemoveMember(NOWHERE),  # to remove oneself is another matter
}
"""One command of each kind."""
NEVER_REFUSED = {c.RemindDue}
"""The system's own: nothing to remind of is no error."""
NO_DECISION_OF_TODAY = {errors.RoleAboveYourOwn}
"""Only owners bring people in, and nobody is above; a test of its own holds it should permissions change."""


def raised_in_the_domain() -> set[type[errors.Refused]]:
    """Every refusal that some line of the domain names, categories apart."""
    folder = Path(collabcampus.domain.__file__).parent
    nodes = [node for file in folder.rglob("*.py") for node in ast.walk(ast.parse(file.read_text()))]
    names = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "errors"
    }
    return {getattr(errors, name) for name in names if name != "Refused"}


def test_every_command_has_a_case_in_which_it_is_accepted_and_one_in_which_it_is_refused() -> None:
    assert {type(case.command) for case in ACCEPTED} == set(COMMANDS)
    assert {type(case.command) for case in ACCEPTED if case.then} == set(COMMANDS)
    assert {type(case.command) for case in REFUSED} | NEVER_REFUSED >= set(COMMANDS)


def test_every_refusal_of_the_domain_has_a_case() -> None:
    assert {type(case.then) for case in REFUSED} == raised_in_the_domain() - NO_DECISION_OF_TODAY


def test_every_event_has_a_case_that_decides_it() -> None:
    decided = {type(event) for case in ACCEPTED if isinstance(case.then, list) for event in case.then}

    assert set(e.EVENT_TYPES.values()) - decided == {e.ColumnRebalanced}, "which test_ranks.py sees decided"


@pytest.mark.parametrize("kind", permissions.LEAST_ROLE, ids=lambda kind: kind.__name__)
def test_to_whoever_has_no_place_in_it_there_is_no_such_project(kind: type[c.Command]) -> None:
    for project in (given(GARDEN), initial(PROJECT)):
        with pytest.raises(errors.ProjectNotFound):
            decide(SAMPLES[kind], project, STRANGER)


@pytest.mark.parametrize("kind", permissions.LEAST_ROLE, ids=lambda kind: kind.__name__)
def test_a_command_takes_the_least_role_that_permissions_say(
    kind: type[c.Command], monkeypatch: pytest.MonkeyPatch
) -> None:
    least = permissions.LEAST_ROLE[kind]
    for actor, role in ((VIEWER, "viewer"), (EDITOR, "editor")):
        if permissions.ROLES.index(role) < permissions.ROLES.index(least):
            Case(SAMPLES[kind], errors.RoleTooLow(role=role, least=least), by=actor).holds(monkeypatch)


@pytest.mark.parametrize("kind", permissions.LEAST_ROLE, ids=lambda kind: kind.__name__)
def test_an_archived_project_takes_little(kind: type[c.Command]) -> None:
    archived = given([*GARDEN, e.ProjectArchived(PROJECT)])

    if kind in permissions.WHEN_ARCHIVED:
        decide(SAMPLES[kind], archived, OWNER)
    else:
        with pytest.raises(errors.ProjectIsArchived):
            decide(SAMPLES[kind], archived, OWNER)


def test_whoever_may_not_do_it_is_told_so_before_anything_of_what_is_there() -> None:
    archived = given([*GARDEN, e.ProjectArchived(PROJECT)])

    with pytest.raises(errors.RoleTooLow):
        decide(c.MoveTask(PROJECT, "nowhere"), archived, VIEWER)


def test_a_refusals_code_is_its_name_and_its_message_its_docstring() -> None:
    error: dict[str, Any] = errors.TaskNotFound().as_error()

    assert error == {"code": "task_not_found", "message": "There is no such task."}


CREATIONS = {
    c.CreateProject: errors.IdTaken,
    c.ForkProject: errors.IdTaken,
    c.CreateTask: errors.IdTaken,
    c.CopyTask: errors.IdTaken,
    c.CreateLabel: errors.IdTaken,
    c.CreateInvitation: errors.IdTaken,
    c.AddChecklistItem: errors.IdTaken,
    c.AddComment: errors.IdTaken,
    c.SendMessage: errors.IdTaken,
    c.AddColumn: errors.IdTaken,
    c.Undo: errors.UndoConflict,
    c.Redo: errors.UndoConflict,
}
"""Commands that make a thing, and what they hear when it is there already: a decision cannot tell who says it again
from somebody else with the same id. The commandId can, before there is a decision: it is answered as it was.
Of an undo the past is the same here: of one that is asked for anew, the log says that it has happened."""


def gave_away(command: c.Command, actor: Actor) -> type[errors.Refused] | None:
    """What is heard by whoever asks again for what took their right to ask for it; None where it took none."""
    me = actor.user_id
    match command:
        case c.RemoveMember(user_id=user_id) if user_id == me:
            return errors.ProjectNotFound
        case c.ChangeMember(user_id=user_id) if user_id == me:
            return errors.RoleTooLow
        case c.TransferOwnership():
            return errors.RoleTooLow
        case _:
            return None


def outcome(command: c.Command, project: Project, actor: Actor) -> list[e.Event] | type[errors.Refused]:
    """What is decided, or how it is refused; anything else that is raised is a fault."""
    try:
        return decide(command, project, actor, AT)
    except errors.Refused as refused:
        return type(refused)


def repeats_as_it_should(command: c.Command, before: Project, actor: Actor) -> Project:
    """Assert that a command, decided again on what it has made, is what its kind says; give what it has made."""
    events = outcome(command, before, actor)
    if not isinstance(events, list):
        return before
    project = fold(before, recorded(before, actor, events))
    expected = (CREATIONS.get(type(command)) or gave_away(command, actor) or []) if events else []
    assert outcome(command, project, actor) == expected, command
    return project


@pytest.mark.timeout(600)  # a history that breaks a law takes minutes to become small
@settings(max_examples=200, deadline=None)
@over(asked)
def test_a_command_repeated_decides_nothing_but_a_creation_or_one_that_took_the_right_to_ask(asked: Asked) -> None:
    project = initial(PROJECT)
    for command, actor in [BEGIN, *asked]:
        project = repeats_as_it_should(command, project, actor)


@pytest.mark.parametrize("case", [case for case in ACCEPTED if case.then], ids=str)
def test_a_case_repeated_is_what_its_kind_says(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    before = given([*case.since, *case.after])
    if isinstance(outcome(case.command, before, case.by), list):
        repeats_as_it_should(case.command, before, case.by)


@pytest.mark.timeout(600)  # a history that breaks a law takes minutes to become small
@settings(max_examples=200, deadline=None)
@over(histories)
def test_whatever_is_decided_leaves_a_board_in_order(history: list[e.Recorded]) -> None:
    project = initial(PROJECT)
    for each in history:
        project = fold(project, [each])
        if each.position > 1:  # the project is there before its owner is
            in_order(project)


def in_order(project: Project) -> None:
    """What holds after every event."""
    columns = {column.id for column in project.columns}
    assert any(member.role == "owner" for member in project.members.values())
    for task in project.tasks.values():
        assert set(task.assignees) <= set(project.members)
        assert set(task.labels) <= set(project.labels)
        assert len(set(task.assignees)) == len(task.assignees)
        assert len(set(task.labels)) == len(task.labels)
        assert task.archived or task.status in columns
        assert [(each.rank, each.item_id) for each in task.checklist] == sorted(
            {each.rank: each.item_id for each in task.checklist}.items()
        )
    places_are_those_of_the_tasks(project)
    assert Counter(each.task_id for each in project.comments.values()) == Counter(
        {each.task_id: each.comment_count for each in project.tasks.values() if each.comment_count}
    )
    assert project.items == {each.item_id: each.task_id for task in project.tasks.values() for each in task.checklist}
    assert not project.spent & {*project.tasks, *project.labels, *project.comments, *project.items, *project.messages}


def places_are_those_of_the_tasks(project: Project) -> None:
    """Every task on the board stands in exactly one place, and no two of a column at one."""
    places = [(status, *place) for status, column in project.places.items() for place in column]
    assert sorted(places) == sorted(
        (each.status, each.rank, each.task_id) for each in project.tasks.values() if not each.archived
    )
    assert len({(status, rank) for status, rank, _ in places}) == len(places)
    assert all(column == sorted(column) for column in project.places.values())
