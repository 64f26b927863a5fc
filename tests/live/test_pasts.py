"""Forks: a new project of what another one was."""

from typing import Any

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.project import Actor, Project, fold, initial
from collabcampus.log import read
from live.asking import a_garden, asked, made
from log.agreement import disagreements
from strategies import PEOPLE

pytestmark = pytest.mark.anyio

OWNER, EDITOR, STRANGER = (Actor(each) for each in PEOPLE[:3])


def words(project: Project) -> Any:
    """The board without its ids: columns, labels, and the tasks of each column in order."""
    called = {each.label_id: each.name for each in project.labels.values()}
    tasks = [
        (
            project.tasks[task_id].title,
            status,
            [called[each] for each in project.tasks[task_id].labels],
            [(each.text, each.done) for each in project.tasks[task_id].checklist],
        )
        for status, places in sorted(project.places.items())
        for _, task_id in places
    ]
    return project.description, project.columns, sorted(called.values()), tasks


async def a_history(application: Application) -> str:
    """A project in which much has happened."""
    project = (await a_garden(application, OWNER, EDITOR)).project_id
    label = (await made(application, c.CreateLabel("Urgent"), OWNER, project)).label_id
    first = (await made(application, c.CreateTask("Dig", labels=(label,)), OWNER, project)).task_id
    second = (await made(application, c.CreateTask("Sow"), OWNER, project)).task_id
    for command in (
        c.AddChecklistItem(first, "Spade"), c.MoveTask(second, "todo", before=first), c.AddColumn("Review"),
        c.EditTask(first, title="Dig deep", status="review"), c.DeleteLabel(label), c.DeleteTask(second),
    ):  # fmt: skip
        await asked(application, command, OWNER, project)
    return project


async def test_a_fork_of_any_position_is_the_board_of_that_position(application: Application) -> None:
    project = await a_history(application)
    history = [each async for each in read.history(application.database, project)]

    for position in range(1, len(history) + 1):
        forked = await made(application, c.ForkProject(project, position=position), EDITOR)
        state = await application.projects.read(forked.project_id)
        assert words(state) == words(fold(initial(project), history[:position])), position
        assert (state.name, list(state.members)) == ("Garden", [EDITOR.user_id])
        (begun,) = await read.events_after(application.database, forked.project_id, 0, 1)
        assert isinstance(begun.event, e.ProjectCreated)
        assert (begun.event.forked_from, begun.event.forked_at) == (project, position)
    assert await disagreements(application.database, state) == []


async def test_a_fork_of_a_time_has_what_happened_until_then(application: Application) -> None:
    project = await a_history(application)
    history = [each async for each in read.history(application.database, project)]
    until = history[6].at
    expected = fold(initial(project), [each for each in history if each.at <= until])

    forked = await made(application, c.ForkProject(project, at=until, name="Park"), OWNER)

    state = await application.projects.read(forked.project_id)
    assert (state.name, words(state)) == ("Park", words(expected))


async def test_a_fork_repeated_is_one_project(application: Application) -> None:
    project, command_id = await a_history(application), PEOPLE[3]

    forks = [
        (await asked(application, c.ForkProject(project), OWNER, command_id=command_id)).subject.project_id
        for _ in range(2)
    ]

    assert forks[0] == forks[1]


async def test_what_never_was_is_not_forked_and_nobody_else_forks(application: Application) -> None:
    project = await a_history(application)

    with pytest.raises(errors.PositionAhead):
        await asked(application, c.ForkProject(project, position=10_000), OWNER)
    with pytest.raises(errors.NotYetThere):
        await asked(application, c.ForkProject(project, at="2020-01-01"), OWNER)
    with pytest.raises(errors.InvalidDate):
        await asked(application, c.ForkProject(project, at="2026-02-30"), OWNER)
    with pytest.raises(errors.ProjectNotFound):
        await asked(application, c.ForkProject(project), STRANGER)
