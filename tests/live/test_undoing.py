"""What undoing reads of the log, and what it leaves in it."""

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.project import Actor
from collabcampus.live.undoing import last_done, last_undone
from collabcampus.log.actions import Action
from live.asking import a_garden, asked, made
from log.agreement import disagreements
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

OWNER, EDITOR = (Actor(each) for each in PEOPLE[:2])
MOVED, SAID = frozenset({"TaskMoved"}), frozenset({"MessageSent"})
UNDONE, REDONE = frozenset({"CommandUndone", "TaskMoved"}), frozenset({"CommandRedone", "TaskMoved"})


async def test_what_comes_back_is_in_every_read_model(application: Application) -> None:
    project = (await a_garden(application, OWNER)).project_id
    label = (await made(application, c.CreateLabel("Urgent"), OWNER, project)).label_id
    task = (await made(application, c.CreateTask("Dig", labels=(label,)), OWNER, project)).task_id
    item = (await made(application, c.AddChecklistItem(task, "Spade"), OWNER, project)).item_id
    for command in (
        c.DeleteLabel(label), c.RemoveChecklistItem(task, item), c.MoveTask(task, "done"), c.RemoveColumn("todo"),
    ):  # fmt: skip
        await asked(application, command, OWNER, project)

    for _ in range(4):
        await asked(application, c.Undo(), OWNER, project)

    state = await application.projects.read(project)
    assert [(each.labels, len(each.checklist), each.status) for each in state.tasks.values()] == [
        ((label,), 1, "todo")
    ]
    assert [each.id for each in state.columns] == ["todo", "in-progress", "done"]
    assert await disagreements(application.database, state) == []


async def test_a_rank_that_was_spread_meanwhile_is_found_again(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collabcampus.domain.limits.RANK_LENGTH", 2)
    project = (await a_garden(application, OWNER)).project_id
    tasks = [(await made(application, c.CreateTask(each), OWNER, project)).task_id for each in "ABCDEF"]
    before = await order(application, project)

    for task in tasks[3:]:
        await asked(application, c.MoveTask(task, "todo", before=tasks[1]), OWNER, project)
        assert await order(application, project) != before
        await asked(application, c.Undo(), OWNER, project)
        assert await order(application, project) == before


async def order(application: Application, project_id: str) -> list[str]:
    return [task_id for _, task_id in (await application.projects.read(project_id)).column("todo")]


def test_the_last_one_is_the_newest_that_holds_and_changed_the_board() -> None:
    first, second = Action("1", 1, True, MOVED, None), Action("2", 2, True, MOVED, None)
    undone, redone = Action("3", 3, True, UNDONE, "2"), Action("4", 4, True, REDONE, "2")
    said, theirs = Action("5", 5, True, SAID, None), Action("6", 6, False, UNDONE, "2")

    assert last_done([said, second, first]) == "2"
    assert last_done([undone, second, first]) == "1"
    assert last_done([redone, undone, second, first]) == "2"
    assert last_done([theirs, redone, undone, second, first]) == "1"
    assert last_done([said]) is None

    assert last_undone([said, undone, second, first]) == "2"
    assert last_undone([redone, undone, second]) is None
    assert last_undone([first, undone, second]) is None
    assert last_undone([theirs, second]) is None
