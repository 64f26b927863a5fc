"""Copies: what is copied has fresh ids, and people stay where they are."""

import pytest

from collabcampus.app import Application, fresh_id
from collabcampus.domain import commands as c
from collabcampus.domain import errors, limits
from collabcampus.domain.project import Actor
from live.asking import a_garden, asked, made
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

OWNER, EDITOR, STRANGER = (Actor(each) for each in PEOPLE[:3])


async def test_a_template_gives_columns_and_labels(application: Application) -> None:
    project = await a_garden(application, OWNER, template="kanban")

    assert [each.id for each in project.columns] == ["backlog", "to-do", "in-progress", "review", "done"]
    assert {each.name for each in project.labels.values()} == {"Bug", "Feature", "Chore"}


async def test_a_copy_has_columns_labels_and_if_wanted_tasks_but_nobody_of_the_original(
    application: Application,
) -> None:
    original = await a_garden(application, OWNER, EDITOR, columns=("Ideas", "Beds"))
    label = await made(application, c.CreateLabel("Urgent", "#ff0000"), OWNER, original.project_id)
    for title in ("Dig", "Sow"):
        await made(application, c.CreateTask(title, labels=(label.label_id,)), OWNER, original.project_id)
    state = await application.projects.read(original.project_id)
    first = next(each for each in state.tasks.values() if each.title == "Dig")
    await made(application, c.AssignTask(first.task_id, (EDITOR.user_id,)), OWNER)
    await made(application, c.AddChecklistItem(first.task_id, "Find the spade", done=True), OWNER)
    await made(application, c.MoveTask(first.task_id, "beds"), OWNER)

    bare = await made(application, c.CreateProject("Park", copy_of=original.project_id), EDITOR)
    full = await made(application, c.CreateProject("Park", copy_of=original.project_id, with_tasks=True), EDITOR)

    assert bare.columns == full.columns == original.columns
    assert [(each.name, each.color) for each in full.labels.values()] == [("Urgent", "#ff0000")]
    assert set(full.members) == {EDITOR.user_id}
    assert not (await application.projects.read(bare.project_id)).tasks
    copied = (await application.projects.read(full.project_id)).tasks
    assert [(each.title, each.status) for each in copied.values()] == [("Sow", "ideas"), ("Dig", "beds")]
    assert all(each.assignees == () and set(each.labels) <= set(full.labels) for each in copied.values())
    dig = next(each for each in copied.values() if each.title == "Dig")
    assert [(each.text, each.done) for each in dig.checklist] == [("Find the spade", True)]
    assert not (set(copied) | {each.item_id for each in dig.checklist}) & {*state.tasks, *state.items}


async def test_a_copy_repeated_is_the_same_although_its_original_is_gone(application: Application) -> None:
    garden = await a_garden(application, OWNER)
    task = await made(application, c.CreateTask("Dig"), OWNER, garden.project_id)
    once = c.CopyTask(task.task_id)
    command_id = fresh_id()

    first = await asked(application, once, OWNER, garden.project_id, command_id=command_id)
    await asked(application, c.DeleteTask(task.task_id), OWNER)
    again = await asked(application, once, OWNER, garden.project_id, command_id=command_id)

    assert (again.position, again.subject) == (first.position, first.subject)
    with pytest.raises(errors.TaskNotFound):
        await asked(application, once, OWNER, garden.project_id)


async def test_nobody_copies_what_they_may_not_see(application: Application) -> None:
    secret, own = await a_garden(application, OWNER), await a_garden(application, STRANGER)
    task = await made(application, c.CreateTask("Dig"), OWNER, secret.project_id)

    with pytest.raises(errors.ProjectNotFound):
        await made(application, c.CreateProject("Mine", copy_of=secret.project_id), STRANGER)
    with pytest.raises(errors.TaskNotFound):
        await made(application, c.CopyTask(task.task_id), STRANGER, own.project_id)


async def test_a_project_begins_in_one_way_alone(application: Application) -> None:
    with pytest.raises(errors.InvalidPayload):
        await made(application, c.CreateProject("Garden", columns=("One",), template="scrum"), OWNER)


async def test_a_copy_in_its_own_project_keeps_the_labels(application: Application) -> None:
    garden, park = await a_garden(application, OWNER), await a_garden(application, OWNER)
    label = await made(application, c.CreateLabel("Urgent"), OWNER, garden.project_id)
    task = await made(application, c.CreateTask("Dig", labels=(label.label_id,)), OWNER, garden.project_id)

    here, there = [
        await made(application, c.CopyTask(task.task_id), OWNER, each.project_id) for each in (garden, park)
    ]

    assert (here.labels, there.labels) == ((label.label_id,), ())


async def test_no_more_is_copied_at_once_than_others_can_wait_for(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    garden = await a_garden(application, OWNER)
    for title in ("Dig", "Sow", "Reap"):
        await made(application, c.CreateTask(title), OWNER, garden.project_id)
    monkeypatch.setattr(limits, "EVENTS_PER_COMMAND", 2)

    with pytest.raises(errors.LimitReached):
        await made(application, c.CreateProject("Park", copy_of=garden.project_id, with_tasks=True), OWNER)
    assert await made(application, c.CreateProject("Park", copy_of=garden.project_id), OWNER)
