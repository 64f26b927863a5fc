"""Closing an account, in the order in which nothing of it is left behind."""

from functools import partial

from collabcampus.domain.project import Actor
from collabcampus.http.door import Door
from collabcampus.live.leaving import leave_all


async def farewell(door: Door, user_id: str, session_id: str) -> None:
    """Leave all projects and erase the account; `session_id` is that of who asks.

    LastOwner or LastAdministrator, mostly before anything was done. Other sessions end before the account does, and
    the projects are left again each time: one may have been made, or somebody added, until then. What comes in
    together with the end itself is left too, or, where nobody else owns it, is an orphaned project.
    """
    closing, leave = door.identity.closing, partial(leave_all, door.database, door.projects, Actor(user_id))
    await closing.require_dispensable(user_id)
    await leave()
    await closing.end_others(user_id, session_id)
    await leave()
    await closing.erase(user_id)
    await leave(orphaning=True)
