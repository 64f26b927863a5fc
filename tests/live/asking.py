"""Asking through the one way in, as the doors do."""

from typing import Any

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.project import Actor, Project
from collabcampus.live.attempts import Answer


async def asked(
    application: Application, command: c.Command, actor: Actor, project_id: str | None = None, **more: Any
) -> Answer:
    """The answer to a command that the door completes."""
    projects = application.projects
    complete = await application.identity.resolve(await projects.completed(command, actor, project_id), actor)
    return await projects.submit(complete, actor, project_id, asked=command, **more)


async def made(application: Application, command: c.Command, actor: Actor, project_id: str | None = None) -> Any:
    """What a command made or changed."""
    return (await asked(application, command, actor, project_id)).subject


async def a_garden(application: Application, *people: Actor, **more: Any) -> Project:
    """A project of the first of these people, of whom the others are editors."""
    owner, *editors = people
    project: Project = await made(application, c.CreateProject("Garden", **more), owner)
    for each in editors:
        await application.projects.submit(c.AddMember("editor", each.user_id), owner, project.project_id)
    return project


async def registered(application: Application, *names: str) -> list[Actor]:
    """People with accounts, whose addresses are verified."""
    people = [(f"{each}@example.org".lower(), each) for each in names]
    users = await application.identity.accounts.add(people, "", verified=True)
    return [Actor(each.id) for each in users]
