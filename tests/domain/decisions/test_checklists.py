"""Checklists: items in an order of their own."""

import pytest

from collabcampus.domain import commands as c
from collabcampus.domain import errors, limits
from collabcampus.domain import events as e
from collabcampus.domain.project import Project
from domain.given import (
    ARCHIVED,
    CHAIR,
    EDITOR,
    FIRST,
    GARDEN,
    NEW_ITEM,
    NOWHERE,
    OIL,
    SECOND,
    SPADE,
    VIEWER,
    Case,
    carried_out,
    given,
    table,
)

ACCEPTED = [
    Case(
        c.AddChecklistItem(FIRST, "Sharpen it", NEW_ITEM),
        [e.ChecklistItemAdded(NEW_ITEM, FIRST, "Sharpen it", False, "a2")],
        by=EDITOR,
    ),
    Case(
        c.AddChecklistItem(SECOND, "Seeds", NEW_ITEM, done=True),
        [e.ChecklistItemAdded(NEW_ITEM, SECOND, "Seeds", True, "a0")],
    ),
    Case(
        c.AddChecklistItem(FIRST, "Sharpen it", NEW_ITEM, before=SPADE),
        [e.ChecklistItemAdded(NEW_ITEM, FIRST, "Sharpen it", False, "Zz")],
    ),
    Case(
        c.AddChecklistItem(FIRST, "Sharpen it", NEW_ITEM, after=SPADE, before=OIL),
        [e.ChecklistItemAdded(NEW_ITEM, FIRST, "Sharpen it", False, "a0V")],
    ),
    Case(c.EditChecklistItem(FIRST, SPADE, text="Buy one"), [e.ChecklistItemEdited(SPADE, FIRST, "Buy one")]),
    Case(c.EditChecklistItem(FIRST, SPADE, done=True), [e.ChecklistItemEdited(SPADE, FIRST, done=True)]),
    Case(c.EditChecklistItem(FIRST, SPADE, after=OIL), [e.ChecklistItemEdited(SPADE, FIRST, rank="a2")]),
    Case(
        c.EditChecklistItem(FIRST, OIL, "Wipe it", True, before=SPADE),
        [e.ChecklistItemEdited(OIL, FIRST, "Wipe it", True, "Zz")],
    ),
    Case(c.EditChecklistItem(FIRST, SPADE, "Find the spade", False, before=OIL), []),
    Case(c.EditChecklistItem(FIRST, OIL, after=SPADE), []),
    Case(c.EditChecklistItem(FIRST, SPADE), []),
    Case(c.RemoveChecklistItem(FIRST, SPADE), [e.ChecklistItemRemoved(SPADE, FIRST)]),
    Case(c.RemoveChecklistItem(FIRST, SPADE), [], after=[e.ChecklistItemRemoved(SPADE, FIRST)]),
]  # fmt: skip
ADD = c.AddChecklistItem(FIRST, "Sharpen it", NEW_ITEM)
REFUSED = [
    Case(c.AddChecklistItem(NOWHERE, "x", NEW_ITEM), errors.TaskNotFound()),
    Case(c.AddChecklistItem(ARCHIVED, "x", NEW_ITEM), errors.TaskIsArchived()),
    Case(c.AddChecklistItem(SECOND, "x", SPADE), errors.IdTaken(itemId=SPADE)),
    Case(
        c.AddChecklistItem(FIRST, "x", SPADE),
        errors.IdTaken(itemId=SPADE),
        after=[e.ChecklistItemRemoved(SPADE, FIRST)],
    ),
    Case(ADD, errors.LimitReached(limit="items per checklist", most=2), limits={"ITEMS_PER_CHECKLIST": 2}),
    Case(ADD, errors.RoleTooLow(role="viewer", least="editor"), by=VIEWER),
    Case(c.AddChecklistItem(FIRST, "x", NEW_ITEM, before=CHAIR), errors.ItemNotFound(itemId=CHAIR)),
    Case(c.AddChecklistItem(FIRST, "x", NEW_ITEM, before=SPADE, after=OIL), errors.Contradiction()),
    Case(c.EditChecklistItem(NOWHERE, SPADE, done=True), errors.TaskNotFound()),
    Case(c.EditChecklistItem(ARCHIVED, CHAIR, done=True), errors.TaskIsArchived()),
    Case(c.EditChecklistItem(SECOND, SPADE, done=True), errors.ItemNotFound(itemId=SPADE)),
    Case(c.EditChecklistItem(FIRST, SPADE, after=NOWHERE), errors.ItemNotFound(itemId=NOWHERE)),
    Case(c.EditChecklistItem(FIRST, SPADE, after=SPADE), errors.Contradiction()),
    Case(c.EditChecklistItem(FIRST, SPADE, before=SPADE, after=OIL), errors.Contradiction()),
    Case(c.RemoveChecklistItem(NOWHERE, SPADE), errors.TaskNotFound()),
    Case(c.RemoveChecklistItem(ARCHIVED, CHAIR), errors.TaskIsArchived()),
    Case(c.RemoveChecklistItem(SECOND, SPADE), errors.ItemNotFound(itemId=SPADE)),
]  # fmt: skip


@table(ACCEPTED)
def test_a_command_decides(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


@table(REFUSED)
def test_a_command_is_refused(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    case.holds(monkeypatch)


def items(project: Project) -> list[str]:
    return [each.item_id for each in project.tasks[FIRST].checklist]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (ADD, [SPADE, OIL, NEW_ITEM]),
        (c.AddChecklistItem(FIRST, "x", NEW_ITEM, after=SPADE), [SPADE, NEW_ITEM, OIL]),
        (c.AddChecklistItem(FIRST, "x", NEW_ITEM, before=SPADE), [NEW_ITEM, SPADE, OIL]),
        (c.EditChecklistItem(FIRST, OIL, before=SPADE), [OIL, SPADE]),
        (c.EditChecklistItem(FIRST, OIL, done=True), [SPADE, OIL]),
        (c.RemoveChecklistItem(FIRST, SPADE), [OIL]),
    ],
)
def test_items_stand_where_they_are_put(command: c.Command, expected: list[str]) -> None:
    assert items(carried_out(command, given(GARDEN))) == expected


@pytest.mark.parametrize(("side", "step"), [("before", -1), ("after", 1)])
def test_items_moved_ten_thousand_times_to_one_place_stay_in_order_and_their_ranks_short(
    side: str, step: int
) -> None:
    project = carried_out(ADD, given(GARDEN))
    for number in range(10_000):
        mover = (OIL, NEW_ITEM)[number % 2]
        project = carried_out(c.EditChecklistItem(FIRST, mover, **{side: SPADE}), project)
        assert items(project).index(mover) == items(project).index(SPADE) + step

    assert len(items(project)) == 3
    assert max(len(each.rank) for each in project.tasks[FIRST].checklist) <= limits.RANK_LENGTH


def test_an_item_may_be_added_where_ranks_have_become_long() -> None:
    long = "a0" + "0" * limits.RANK_LENGTH + "V"
    project = given([*GARDEN, e.ChecklistItemEdited(OIL, FIRST, rank=long)])

    project = carried_out(c.AddChecklistItem(FIRST, "x", NEW_ITEM, after=SPADE), project)
    assert items(project) == [SPADE, NEW_ITEM, OIL]
    assert max(len(each.rank) for each in project.tasks[FIRST].checklist) <= limits.RANK_LENGTH
