"""Two nodes on one database."""

from collections.abc import AsyncIterator

import pytest

from collabcampus.identity import Identity
from collabcampus.log.database import Database


@pytest.fixture
async def identity(database: Database) -> AsyncIterator[Identity]:
    opened = Identity(database, secret=None, refresh_grace=10)
    await opened.open()
    yield opened
    opened.close()


@pytest.fixture
async def other_node(database: Database) -> AsyncIterator[Identity]:
    opened = Identity(database, secret=None, refresh_grace=10)
    await opened.open()
    yield opened
    opened.close()
