"""What undoing and redoing need of the log: which command is meant, what it did, and what was there before it."""

from collections.abc import Iterable

from msgspec import UNSET, structs

from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.decisions.undoing import REVERSIBLE, Asked
from collabcampus.domain.project import Actor, Project, initial, merge
from collabcampus.log import actions, read
from collabcampus.log.actions import Action
from collabcampus.log.database import Database

_OF_THE_BOARD = {each.__name__ for each in REVERSIBLE} | {e.TaskDeleted.__name__}
"""Commands that brought about nothing but these are what undoing means; what was said or who came is passed over."""
_UNDONE, _REDONE = e.CommandUndone.__name__, e.CommandRedone.__name__


async def completed(database: Database, project: Project | None, command: Asked, actor: Actor) -> Asked:
    """The command with its past; as it is where there is none, or no project for the actor."""
    if project is None:
        return command
    project_id, head = project.project_id, project.head
    wanted = await _wanted(database, project_id, head, command, actor)
    past = await _past(database, project_id, head, command, wanted) if wanted else None
    return structs.replace(command, past=past) if past else command


async def _wanted(database: Database, project_id: str, head: int, command: Asked, actor: Actor) -> str | None:
    """The commandId of the command that is meant."""
    if command.of_command is not UNSET:
        return command.of_command
    if command.position is not UNSET:
        at = await read.events_after(database, project_id, command.position - 1, 1)
        return at[0].command_id if at else None
    lately = await actions.lately(database, project_id, head, actor.user_id)
    return last_done(lately) if isinstance(command, c.Undo) else last_undone(lately)


def last_done(lately: Iterable[Action]) -> str | None:
    """The person's newest command that holds, of what they did lately, newest first."""
    latest: dict[str, str] = {}
    for action in lately:
        if action.undone:
            latest.setdefault(action.undone, _UNDONE if _UNDONE in action.types else _REDONE)
        elif _is_done(action) and latest.get(action.command_id) != _UNDONE:
            return action.command_id
    return None


def last_undone(lately: Iterable[Action]) -> str | None:
    """What the person undid last and nobody redid; None once they did something else after it."""
    redone: set[str] = set()
    for action in lately:
        if action.undone and _REDONE in action.types:
            redone.add(action.undone)
        elif action.undone and action.own and action.undone not in redone:
            return action.undone
        elif action.undone is None and _is_done(action):
            return None
    return None


def _is_done(action: Action) -> bool:
    return action.own and action.types <= _OF_THE_BOARD


async def _past(database: Database, project_id: str, head: int, command: Asked, wanted: str) -> c.Past | None:
    marks = [
        each
        for each in await read.events_of(database, project_id, head, things=(wanted,))
        if isinstance(each.event, e.CommandUndone | e.CommandRedone)
    ]
    undone = bool(marks) and isinstance(marks[-1].event, e.CommandUndone)
    if undone is isinstance(command, c.Undo):
        return c.Past(wanted, (), initial(project_id))
    own = await _events_of_command(database, project_id, marks[-1].command_id if marks else wanted)
    if not own:
        return None
    before, things = initial(project_id), _things(own)
    merge(before, await read.events_of(database, project_id, own[0].position - 1, things=things))
    restored = await actions.restored(database, project_id, things, own[-1].position, head)
    return c.Past(wanted, tuple(own), before, frozenset(restored))


async def _events_of_command(database: Database, project_id: str, command_id: str) -> list[e.Recorded]:
    known = (await read.answered(database, project_id, [command_id])).get(command_id)
    if known is None or not known.events:
        return []
    return await read.events_after(database, project_id, known.position - known.events, known.events)


def _things(own: Iterable[e.Recorded]) -> list[str]:
    """What the events are about, a checklist's by its task; with the project, whose columns are spread."""
    things = {str(getattr(each.event, "task_id", each.event.key)): None for each in own}
    return [*things, *{each.project_id for each in own}]
