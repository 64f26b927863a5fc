"""Labels, and the tasks they are on."""

import pytest
from msgspec import UNSET

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from domain.given import (
    ARCHIVED,
    EDITOR,
    GARDEN,
    LATER,
    NEW_LABEL,
    NOWHERE,
    SECOND,
    URGENT,
    VIEWER,
    Case,
    carried_out,
    given,
    table,
)

ACCEPTED = [
    Case(c.CreateLabel("New", "#1f6feb", NEW_LABEL), [e.LabelCreated(NEW_LABEL, "New", "#1f6feb")], by=EDITOR),
    Case(c.CreateLabel("Urgent", label_id=NEW_LABEL), [e.LabelCreated(NEW_LABEL, "Urgent")]),
    Case(c.EditLabel(URGENT, name="Soon"), [e.LabelEdited(URGENT, "Soon")]),
    Case(c.EditLabel(URGENT, name="Urgent", color=None), [e.LabelEdited(URGENT, UNSET, None)]),
    Case(c.EditLabel(URGENT, "Urgent", "#d1242f"), []),
    Case(c.EditLabel(URGENT), []),
    Case(c.DeleteLabel(LATER), [e.TaskEdited(SECOND, labels=(URGENT,)), e.LabelDeleted(LATER)]),
    Case(
        c.DeleteLabel(URGENT),
        [e.TaskEdited(SECOND, labels=(LATER,)), e.TaskEdited(ARCHIVED, labels=()), e.LabelDeleted(URGENT)],
    ),
    Case(c.DeleteLabel(NEW_LABEL), [], after=[e.LabelCreated(NEW_LABEL, "New"), e.LabelDeleted(NEW_LABEL)]),
]
REFUSED = [
    Case(c.CreateLabel("New", label_id=URGENT), errors.IdTaken(labelId=URGENT)),
    Case(c.CreateLabel("New", label_id=URGENT), errors.IdTaken(labelId=URGENT), after=[e.LabelDeleted(URGENT)]),
    Case(
        c.CreateLabel("New", label_id=NEW_LABEL),
        errors.LimitReached(limit="labels per project", most=2),
        limits={"LABELS_PER_PROJECT": 2},
    ),
    Case(c.CreateLabel("New", label_id=NEW_LABEL), errors.RoleTooLow(role="viewer", least="editor"), by=VIEWER),
    Case(c.EditLabel(NOWHERE, name="Soon"), errors.LabelNotFound()),
    Case(c.EditLabel(URGENT, name="Soon"), errors.LabelNotFound(), after=[e.LabelDeleted(URGENT)]),
    Case(c.DeleteLabel(NOWHERE), errors.LabelNotFound()),
]


@table(ACCEPTED)
def test_a_command_decides(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


@table(REFUSED)
def test_a_command_is_refused(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


def test_a_label_that_goes_is_on_no_task_any_more_archived_or_not() -> None:
    project = carried_out(c.DeleteLabel(URGENT), given(GARDEN))

    assert project.tasks[SECOND].labels == (LATER,)
    assert project.tasks[ARCHIVED].labels == ()
