"""The demo login, also where it was made by a version of before."""

import pytest

from collabcampus.app import Application, running
from collabcampus.demo import EMAIL, ensure
from collabcampus.log.database import Database
from collabcampus.settings import Settings

pytestmark = pytest.mark.anyio


async def verified(application: Application) -> bool:
    user = await application.identity.find(EMAIL)
    assert user
    return (await application.identity.account(user.id)).verified


async def test_the_demo_login_is_verified_and_so_is_one_that_was_not(database: Database) -> None:
    async with running(Settings(database_url=database.conninfo)) as application:
        project = await ensure(application)
        assert await verified(application)
        await database.write("UPDATE accounts SET verified_at = NULL RETURNING 1")

        assert await ensure(application) == project
        assert await verified(application)
