"""Acts that put somebody out, and what they had under way."""

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

from collabcampus.identity import Identity
from collabcampus.identity.letters import RESET_PAGE
from collabcampus.identity.linking import Linking, Vouched
from collabcampus.log.database import Database
from identity.nodes import EMAIL, NAME, NEW, Box

DISABLING, CLOSING, TAKE_OVER, RESET, END_OF_ALL = "disabling", "closing", "a take-over", "a reset", "the end of all"
VOUCHED = Vouched("https://id.campus.example", "alice", EMAIL, NAME)


async def act(which: str, identity: Identity, box: Box, database: Database) -> Awaitable[object]:
    """One of them, to be awaited, about the one who is registered with `EMAIL`."""
    user = await identity.accounts.find(EMAIL)
    assert user
    if which == RESET:
        identity.changes.forgot(EMAIL)
        await identity.post.drained()
        return identity.changes.reset(box.token(RESET_PAGE), NEW)
    linking = Linking(database, identity.sessions, identity.security, identity.post)
    acts: dict[str, Coroutine[Any, Any, object]] = {
        DISABLING: identity.administration.change(user.id, None, disabled=True),
        CLOSING: identity.closing.erase(user.id),
        TAKE_OVER: linking.account(VOUCHED, identity.unguessable),
        END_OF_ALL: identity.administration.end_sessions(user.id, None),
    }
    chosen = acts.pop(which)
    for each in acts.values():
        each.close()
    return chosen


async def one_after_the_other(database: Database, *doings: Awaitable[object]) -> list[object]:
    """What comes of these, each of which comes to the accounts while those before it are not done yet."""
    tasks: list[asyncio.Future[object]] = []
    async with database.connection() as holding, holding.transaction():
        await holding.execute("SELECT FROM accounts FOR UPDATE")
        for each in doings:
            tasks.append(asyncio.ensure_future(each))
            while await _waiting(database) < len(tasks) and not tasks[-1].done():  # noqa: ASYNC110 - others' locks
                await asyncio.sleep(0.01)
    return await asyncio.gather(*tasks, return_exceptions=True)


async def _waiting(database: Database) -> int:
    """How many wait for a lock; the server is this test process's own."""
    return int((await database.fetch("SELECT count(*) FROM pg_locks WHERE NOT granted"))[0][0])
