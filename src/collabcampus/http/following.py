"""A project's history that stays open: what there is, and then each event as it comes.

It ends when the reader may read no longer (removed, signed out, token over) and when the server stops.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

from collabcampus.domain import events as e
from collabcampus.domain.decide import require_member
from collabcampus.domain.errors import Overloaded, Refused
from collabcampus.domain.project import Actor
from collabcampus.live.pace import RETRY_AFTER_S
from collabcampus.live.projects import Projects
from collabcampus.log import read
from collabcampus.log.database import Database

FOLLOWERS = 1_000
"""On one node; more are told to try another time."""
LOOK_S = 0.1
PERMIT_S = 1.0
"""How often it is asked again whether the token is good."""
BEAT_S = 10.0
"""After so long without an event there is an empty line, so that a connection that is gone is found out."""

Permit = Callable[[], Awaitable[Any]]


class Followers:
    """Those on this node who follow a history."""

    def __init__(self) -> None:
        self._count = 0
        self._closing = False

    def close(self) -> None:
        """Let all of them go, and nobody come any more."""
        self._closing = True

    def admit(self) -> None:
        """Overloaded where there are too many already."""
        if self._count >= FOLLOWERS:
            raise Overloaded(retryAfter=RETRY_AFTER_S)

    async def follow(
        self, database: Database, projects: Projects[Any], project_id: str, after: int, actor: Actor, permit: Permit
    ) -> AsyncGenerator[Sequence[e.Recorded], None]:
        """A project's events after a position, as they come, for one of its members; nothing now and then, to be
        heard of. It ends in silence where `permit` or the project refuses."""
        self._count += 1
        try:
            async with projects.using(project_id) as live:
                told = permitted = _clock()
                while not self._closing:
                    require_member(live.state, actor)
                    until = live.state.head  # they were a member up to here
                    if _clock() - permitted >= PERMIT_S:
                        permitted = _clock()
                        await permit()
                    elif until > after:
                        page = await read.events_after(database, project_id, after, min(read.PAGE, until - after))
                        yield page
                        told, after = _clock(), page[-1].position
                    elif _clock() - told >= BEAT_S:
                        yield ()
                        told = _clock()
                        await projects.read(project_id)  # should a hint have been lost
                    else:
                        await asyncio.sleep(LOOK_S)
        except Refused:
            return
        finally:
            self._count -= 1


def _clock() -> float:
    return asyncio.get_running_loop().time()
