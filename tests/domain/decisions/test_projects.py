"""Projects themselves: begun, named, put away."""

import pytest
from msgspec import UNSET

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.project import initial
from domain.given import (
    EDITOR,
    GARDEN,
    NEW,
    NEW_ITEM,
    NEW_LABEL,
    OWNER,
    PROJECT,
    STRANGER,
    TO_DO,
    VIEWER,
    Case,
    carried_out,
    given,
    table,
)
from strategies import a_copy, some_id

OTHER = some_id("project", 1)
AWAY: list[e.Event] = [e.ProjectArchived(PROJECT)]
DEFAULT = (e.Column("todo", "To do"), e.Column("in-progress", "In progress"), e.Column("done", "Done"))
BEGINS = e.MemberAdded(OWNER.user_id, "owner")
ORIGINAL = c.Original(
    (TO_DO,),
    ((NEW_LABEL, "Urgent", "#d1242f"),),
    (a_copy(NEW, "Dig", "Deep", "high", None, None, 2.5, ((NEW_ITEM, "Spade", True),), "todo", "a5", (NEW_LABEL,)),),
)


def created(*columns: e.Column, name: str = "Garden", description: str = "") -> e.Event:
    return e.ProjectCreated(PROJECT, name, description, columns)


ACCEPTED = [
    Case(
        c.CreateProject("Garden", columns=("Готово", "完成", "To do", "to do!")),
        [
            created(
                e.Column("column", "Готово"),
                e.Column("column-2", "完成"),
                e.Column("to-do", "To do"),
                e.Column("to-do-2", "to do!"),
            ),
            BEGINS,
        ],
        since=[],
    ),
    Case(c.CreateProject("Garden"), [created(*DEFAULT), BEGINS], since=[]),
    Case(c.CreateProject("Park", "Green"), [created(*DEFAULT, name="Park", description="Green"), BEGINS], since=[]),
    Case(c.CreateProject("Garden", columns=()), [created(), BEGINS], since=[]),
    Case(
        c.CreateProject("Garden", columns=("In Review!", c.NewColumn("Über", id="u"), c.NewColumn("Ça va"))),
        [created(e.Column("in-review", "In Review!"), e.Column("u", "Über"), e.Column("a-va", "Ça va")), BEGINS],
        since=[],
    ),
    Case(c.CreateProject("Garden", columns=("园",)), [created(e.Column("column", "园")), BEGINS], since=[]),
    Case(
        c.CreateProject("Garden", template="kanban", original=c.Original((TO_DO,), ((NEW_LABEL, "Bug", None),))),
        [created(TO_DO), BEGINS, e.LabelCreated(NEW_LABEL, "Bug", None)],
        since=[],
    ),
    Case(
        c.CreateProject("Garden", copy_of=PROJECT, with_tasks=True, original=ORIGINAL),
        [
            created(TO_DO),
            BEGINS,
            e.LabelCreated(NEW_LABEL, "Urgent", "#d1242f"),
            e.TaskCreated(NEW, "Dig", "Deep", "todo", "a5", (), (NEW_LABEL,), "high", estimate=2.5),
            e.ChecklistItemAdded(NEW_ITEM, NEW, "Spade", True, "a0"),
        ],
        since=[],
    ),
    Case(
        c.ForkProject(OTHER, position=7, original=c.Original((TO_DO,), (), name="Garden", position=7)),
        [e.ProjectCreated(PROJECT, "Garden", "", (TO_DO,), OTHER, 7), BEGINS],
        since=[],
    ),
    Case(
        c.ForkProject(OTHER, name="Park", original=c.Original((TO_DO,), (), (), "Green", "Garden", 9)),
        [e.ProjectCreated(PROJECT, "Park", "Green", (TO_DO,), OTHER, 9), BEGINS],
        since=[],
    ),
    Case(c.EditProject(name="Park"), [e.ProjectEdited(PROJECT, name="Park")]),
    Case(c.EditProject(description="Green"), [e.ProjectEdited(PROJECT, description="Green")], by=EDITOR),
    Case(c.EditProject("Garden", "Green"), [e.ProjectEdited(PROJECT, UNSET, "Green")]),
    Case(c.EditProject("Garden", ""), []),
    Case(c.EditProject(), []),
    Case(c.ArchiveProject(), [e.ProjectArchived(PROJECT)]),
    Case(c.ArchiveProject(), [], after=AWAY),
    Case(c.RestoreProject(), [e.ProjectRestored(PROJECT)], after=AWAY),
    Case(c.RestoreProject(), []),
]
REFUSED = [
    Case(c.CreateProject("Garden"), errors.IdTaken(projectId=PROJECT)),
    Case(c.CreateProject("Garden"), errors.IdTaken(projectId=PROJECT), by=STRANGER),
    Case(
        c.CreateProject("G", columns=(c.NewColumn("One", "a"), "Two", c.NewColumn("Three", "a"))),
        errors.DuplicateColumn(ids=["a"]),
        since=[],
    ),
    Case(c.CreateProject("G", with_tasks=True), errors.InvalidPayload(reason="withTasks goes with copyOf"), since=[]),
    Case(
        c.CreateProject("Garden", columns=("a", "b", "c")),
        errors.LimitReached(limit="columns per project", most=2),
        limits={"COLUMNS_PER_PROJECT": 2},
        since=[],
    ),
    Case(
        c.CreateProject("Garden", columns=("a",), template="scrum"),
        errors.InvalidPayload(reason="columns, template and copyOf: one of them is enough"),
        since=[],
    ),
    Case(c.CreateProject("Garden", copy_of=PROJECT), errors.ProjectNotFound(), since=[]),
    Case(c.ForkProject(OTHER), errors.ProjectNotFound(), since=[]),
    Case(c.ForkProject(OTHER, original=ORIGINAL), errors.IdTaken(projectId=PROJECT)),
    Case(
        c.ForkProject(OTHER, 7, "2026-11-24", original=ORIGINAL),
        errors.InvalidPayload(reason="position and at: one of them is enough"),
        since=[],
    ),
    Case(c.EditProject(name="Park"), errors.ProjectIsArchived(), after=AWAY),
    Case(c.EditProject(name="Park"), errors.RoleTooLow(role="viewer", least="editor"), by=VIEWER),
    Case(c.ArchiveProject(), errors.RoleTooLow(role="editor", least="owner"), by=EDITOR),
    Case(c.RestoreProject(), errors.RoleTooLow(role="editor", least="owner"), by=EDITOR, after=AWAY),
]


@table(ACCEPTED)
def test_a_command_decides(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


@table(REFUSED)
def test_a_command_is_refused(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


def test_whoever_begins_a_project_owns_it_whoever_they_are() -> None:
    assert decide(c.CreateProject("Garden"), initial(PROJECT), STRANGER)[1] == e.MemberAdded(
        STRANGER.user_id, "owner"
    )


def test_a_restored_project_is_what_it_was() -> None:
    project = given(GARDEN)

    restored = carried_out(c.RestoreProject(), carried_out(c.ArchiveProject(), project))
    restored.head = project.head
    assert restored == project
