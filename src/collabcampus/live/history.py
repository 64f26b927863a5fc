"""What live projects read of the log: their state when they are loaded, what they lack, and old answers."""

from typing import Any, get_args

from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.project import initial, merge
from collabcampus.live.attempts import Answer, subject_of
from collabcampus.live.project import LiveProject
from collabcampus.log import read, snapshots
from collabcampus.log.database import Database

SHORTEST_TAIL, TAIL_A_TASK = 1_000, 4
"""A new snapshot is worth its bytes once so many events, or so many times the tasks, came after the stored one."""

_SUBJECTS: dict[type[c.Command], str] = {
    c.AddMember: "user_id",
    c.ChangeMember: "user_id",
    c.TransferOwnership: "user_id",
    c.AppointOwner: "user_id",
    c.EditLabel: "label_id",
    c.EditComment: "task_id",
    c.EditMessage: "message_id",
    c.ReactToMessage: "message_id",
}
"""Commands whose answer is made of the events about one thing alone, and the field that names it."""
_ABOUT_PROJECT = (c.CreateProject, c.ForkProject, c.EditProject, c.RestoreProject, c.AcceptInvitation)
_ABOUT_COLUMNS = (c.AddColumn, c.EditColumn, c.MoveColumn, c.RemoveColumn)
_OF_PROJECT = tuple(
    kind.__name__
    for kind in (*get_args(e.Administrative), e.ColumnAdded, e.ColumnEdited, e.ColumnMoved, e.ColumnRemoved)
)


async def catch_up(database: Database, live: LiveProject[Any]) -> None:
    """Read what the log has beyond the state; at first from the stored snapshot on."""
    if not live.loaded and not live.state.head:
        known = await read.redactions(database, [live.project_id])  # before all else: what follows knows them
        live.redactions = known.get(live.project_id, read.UNREDACTED)
        stored = await snapshots.load(database, live.project_id)
        if stored and not live.state.head:  # nobody was quicker: what a room has heard is not taken back
            live.state, live.stored_at = stored, stored.head
            live.room.told = stored.head  # nobody who enters later lacks anything before
    while True:
        page, before = await read.page_after(database, live.project_id, live.state.head), live.state.head
        live.advance(page.events)
        if len(page.events) < read.PAGE or live.state.head == before:
            break
    live.stop_before(page.newer)
    live.loaded = True
    await keep(database, live)


async def keep(database: Database, live: LiveProject[Any]) -> None:
    """Store the state where that saves the next one who loads it a long read."""
    head = live.state.head
    if head - live.stored_at >= max(SHORTEST_TAIL, TAIL_A_TASK * len(live.state.tasks)):
        live.stored_at = head
        await snapshots.store(database, live.project_id, head, snapshots.encode(live.state), live.redactions.count)


async def answer(database: Database, project_id: str, command: c.Command, known: read.Answered) -> Answer:
    """What a commandId was answered, made again from the events that its subject was made of."""
    own = await read.events_after(database, project_id, known.position - known.events, known.events)
    state = initial(project_id)
    merge(state, await _subjects_past(database, project_id, command, own, known.position))
    state.head = known.position
    return Answer(known.position, own, subject_of(command, state, own))


async def _subjects_past(
    database: Database, project_id: str, command: c.Command, own: list[e.Recorded], position: int
) -> list[e.Recorded]:
    if subject := _SUBJECTS.get(type(command)):
        return await read.events_of(database, project_id, position, things=(getattr(command, subject),))
    match command:
        case c.EditTask() | c.MoveTask() | c.AssignTask() | c.ArchiveTask() | c.RestoreTask():
            return await read.events_of(
                database, project_id, position, things=(command.task_id,), types=("ColumnRebalanced",)
            )
        case c.AddChecklistItem() | c.EditChecklistItem():
            return await read.events_of(database, project_id, position, things=(command.task_id,))
        case _ if isinstance(command, _ABOUT_PROJECT):
            return await read.events_of(database, project_id, position, types=_OF_PROJECT)
        case _ if isinstance(command, _ABOUT_COLUMNS):
            return await read.events_of(database, project_id, position, things=(project_id,))
        case _:
            return own
