"""Leaving all projects before an account is closed."""

import asyncio

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.errors import LastOwner
from collabcampus.live.leaving import leave_all
from collabcampus.log import persons
from live.asking import a_garden, made, registered

pytestmark = pytest.mark.anyio


async def test_what_was_left_before_an_interruption_stays_left_and_the_rest_follows(application: Application) -> None:
    alice, bob = await registered(application, "Alice", "Bob")
    gardens = [(await a_garden(application, bob, alice)).project_id for _ in range(3)]
    await made(application, c.RemoveMember(alice.user_id), alice, gardens[1])
    left_before = (await application.projects.read(gardens[1])).head

    await leave_all(application.database, application.projects, alice)
    await leave_all(application.database, application.projects, alice)

    assert await persons.memberships_of(application.database, alice.user_id) == []
    for project_id in gardens:
        state = await application.projects.read(project_id)
        assert list(state.members) == [bob.user_id]
        assert state.head == left_before, "left once"


async def test_of_two_owners_who_leave_at_once_one_stays(application: Application) -> None:
    alice, bob = await registered(application, "Alice", "Bob")
    garden = (await a_garden(application, alice)).project_id
    await made(application, c.AddMember("owner", bob.user_id), alice, garden)

    ended = await asyncio.gather(
        *(leave_all(application.database, application.projects, each) for each in (alice, bob)),
        return_exceptions=True,
    )

    assert sorted(map(str, ended)) == ["A project keeps at least one owner.", "None"]
    (refused,) = [each for each in ended if isinstance(each, LastOwner)]
    assert len((await application.projects.read(garden)).members) == 1
    assert refused.details in ({}, {"projects": [{"projectId": garden, "name": "Garden"}]})


async def test_an_archived_project_keeps_its_last_owner(application: Application) -> None:
    alice, bob = await registered(application, "Alice", "Bob")
    archived, left = [(await a_garden(application, owner, other)).project_id
                      for owner, other in ((alice, bob), (bob, alice))]  # fmt: skip
    for owner, project_id in ((alice, archived), (bob, left)):
        await made(application, c.ArchiveProject(), owner, project_id)

    await leave_all(application.database, application.projects, alice)

    assert (await application.projects.read(archived)).role_of(alice.user_id) == "owner"
    assert (await application.projects.read(left)).role_of(alice.user_id) is None
