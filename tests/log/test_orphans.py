"""Projects that nobody owns any more."""

import pytest

from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.log.orphans import inactive, orphaned
from live.asking import a_garden, registered
from strategies import PEOPLE

pytestmark = pytest.mark.anyio


async def test_a_project_is_orphaned_when_its_last_active_owner_is_disabled_or_gone(application: Application) -> None:
    owner, editor, viewer = await registered(application, "Olga", "Edgar", "Vera")
    database, projects = application.database, application.projects
    garden = (await a_garden(application, owner, editor)).project_id
    owned_by_two = (await a_garden(application, owner, editor)).project_id
    await projects.submit(c.ChangeMember(editor.user_id, "owner"), owner, owned_by_two)
    hers = (await a_garden(application, editor, owner)).project_id
    await projects.submit(c.AddMember("viewer", viewer.user_id), owner, garden)
    assert await orphaned(database, None, 10) == []

    await database.write("UPDATE accounts SET disabled_at = now() WHERE user_id = %s RETURNING 1", owner.user_id)
    (found,) = await orphaned(database, None, 10)
    assert found == {
        "projectId": garden, "archived": False, "owners": [owner.user_id], "memberCount": 3,
        "members": [editor.user_id, viewer.user_id],
    }  # fmt: skip
    assert await inactive(database, [owner.user_id, editor.user_id, PEOPLE[0]]) == (owner.user_id, PEOPLE[0])

    await database.write("UPDATE accounts SET disabled_at = now() WHERE user_id = %s RETURNING 1", editor.user_id)
    everything = sorted([garden, owned_by_two, hers])
    assert [each["projectId"] for each in await orphaned(database, None, 10)] == everything
    assert [each["projectId"] for each in await orphaned(database, everything[0], 1)] == everything[1:2]
