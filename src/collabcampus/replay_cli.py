"""The command line's way through a project's past: `collabcampus replay`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import partial
from itertools import zip_longest
from typing import Annotated, Any
from uuid import UUID

import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from rich.table import Table
from rich.text import Text

from collabcampus import app as root
from collabcampus.domain import events as e
from collabcampus.domain.project import Project
from collabcampus.identity.accounts import Accounts
from collabcampus.identity.errors import PersonNotFound
from collabcampus.live import views
from collabcampus.live.differences import Between, between
from collabcampus.log import read
from collabcampus.log.database import Database
from collabcampus.log.past import Past, Was, When, moment
from collabcampus.settings import Settings
from collabcampus.terminal import MISUSE, Data, Json, Url, fail, run, settings_of

SHOWN_OF_VALUES = 100
"""Characters of an event's values, or of a changed field, on a line for people."""


class _Log(Struct, frozen=True):
    """What is read: nothing else of the application runs, and nothing is written."""

    project_id: str
    database: Database
    accounts: Accounts
    as_json: bool


Work = Callable[[_Log], Awaitable[None]]


def replay(
    project: Annotated[UUID, typer.Argument(help="The project's id.")],
    position: Annotated[int | None, typer.Option(min=0, help="As it was right after this event.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="As it was at this moment, such as 2026-11-25T10:00:00Z.")
    ] = None,
    steps: Annotated[
        bool, typer.Option("--steps", help="Its events up to then, one a line, instead of the board.")
    ] = False,
    by: Annotated[
        str | None, typer.Option(metavar="EMAIL|ID", help="Those events alone that are this person's doing.")
    ] = None,
    diff: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="What differs between two moments, each a position or a time."),
    ] = None,
    data: Data = None,
    database_url: Url = None,
    as_json: Json = False,
) -> None:
    """Show a project's board as it was: folded from the log, beside a running server or without one.

    Now, unless --position or --at says when. Exit 1 where there is no such project or it had not begun.
    """
    work = _work(position, at, steps=steps, by=by, diff=diff)
    settings = settings_of(data=data, database_url=database_url)
    run(partial(_reading, settings, str(project), as_json, work))


def _work(position: int | None, at: str | None, *, steps: bool, by: str | None, diff: tuple[str, str] | None) -> Work:
    if diff and (steps or by or at or position is not None):
        fail("--diff names both moments itself, and goes with none of the others", MISUSE)
    if at and position is not None:
        fail("either --position or --at, not both", MISUSE)
    if diff:
        first, second = map(_when, diff)
        return partial(_differ, first, second)
    when = position if at is None else _time(at)
    return partial(_step, when, by) if steps or by else partial(_show, when)


def _when(text: str) -> When:
    return int(text) if text.isascii() and text.isdigit() else _time(text)


def _time(text: str) -> datetime:
    try:
        return moment(text)
    except ValueError:
        fail(f"{text!r} is no moment such as 2026-11-25T10:00:00Z", MISUSE)
        raise


async def _reading(settings: Settings, project_id: str, as_json: bool, work: Work) -> None:
    async with root.postgres(settings) as conninfo:
        database = Database(conninfo, most=1)
        await database.open()
        try:
            await work(_Log(project_id, database, Accounts(database), as_json))
        finally:
            await database.close()


async def _show(when: When | None, log: _Log) -> None:
    was = await Past(log.database).look(log.project_id, when if when is not None else await _head(log))
    names = await log.accounts.names(was.state.members)
    if log.as_json:
        typer.echo(views.board(was.state, names))
    else:
        Console().print(_table(was))


async def _head(log: _Log) -> int:
    return (await read.heads(log.database, [log.project_id])).get(log.project_id, 0)


def _table(was: Was) -> Table:
    """The board for people: its columns side by side, each in its order."""
    state = was.state
    table = Table(title=Text(f"{state.name}: position {state.head}, {was.at}"))
    for column in state.columns:
        table.add_column(Text(f"{column.name} ({len(state.column(column.id))})"), ratio=1)
    for row in zip_longest(*(_titles(state, column.id) for column in state.columns), fillvalue=""):
        table.add_row(*map(Text, row))
    return table


def _titles(state: Project, status: str) -> list[str]:
    return [state.tasks[task_id].title for _, task_id in state.column(status)]


async def _step(when: When | None, by: str | None, log: _Log) -> None:
    until = await Past(log.database).position_of(log.project_id, when if when is not None else await _head(log))
    actor = await _person(log, by) if by else None
    async for recorded in _events(log, until, actor):
        if log.as_json:
            typer.echo(msgspec.json.encode(views.event(recorded)))
        else:
            name = (await log.accounts.names([recorded.actor])).get(recorded.actor, recorded.actor)
            values = _short(views.changes(recorded).decode())
            typer.echo(f"{recorded.position:>6}  {recorded.at}  {name}  {recorded.type}  {values}")


async def _events(log: _Log, until: int, actor: str | None) -> AsyncIterator[e.Recorded]:
    async for recorded in read.history(log.database, log.project_id, until=until):
        if actor in (None, recorded.actor):
            yield recorded


async def _person(log: _Log, named: str) -> str:
    """The id of whoever is meant. PersonNotFound where an address is nobody's."""
    try:
        return str(UUID(named))
    except ValueError:
        user = await log.accounts.find(named)
    if user is None:
        raise PersonNotFound
    return user.id


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_OF_VALUES else text[: SHOWN_OF_VALUES - 1] + "…"


async def _differ(first: When, second: When, log: _Log) -> None:
    past = Past(log.database)
    before, after = await past.look(log.project_id, first), await past.look(log.project_id, second)
    found = between(before.state, after.state)
    if log.as_json:
        ends = {"from": _place(before), "to": _place(after)}
        typer.echo(msgspec.json.encode({**ends, **msgspec.structs.asdict(found)}))
        return
    for each in _lines(found, after.state):
        typer.echo(each)


def _place(was: Was) -> dict[str, Any]:
    return {"position": was.state.head, "at": was.at}


def _lines(found: Between, after: Project) -> list[str]:
    """For people: `+` what came, `-` what went, `~` what changed, from what to what."""
    came = [f"+ {kind}: {_called(thing)}" for kind, things in found.added.items() for thing in things]
    went = [f"- {kind}: {_called(thing)}" for kind, things in found.removed.items() for thing in things]
    plain = [_change("project", name, values) for name, values in found.project.items()]
    changed = [
        _change(f"{kind}: {_title(after, key)}", name, values)
        for kind, things in found.changed.items()
        for key, fields in things.items()
        for name, values in fields.items()
    ]
    return [*came, *went, *plain, *changed] or ["nothing differs"]


def _change(what: str, name: str, values: tuple[Any, Any]) -> str:
    old, new = (_short(msgspec.json.encode(each).decode()) for each in values)
    return f"~ {what}: {name} {old} → {new}"


def _called(thing: dict[str, Any]) -> str:
    """The most telling of its values; a text may have several lines, and is quoted."""
    named = next((thing[each] for each in ("title", "name", "text", "userId") if each in thing), "")
    return _short(msgspec.json.encode(named).decode())


def _title(after: Project, key: str) -> str:
    task = after.tasks.get(key)
    return _short(msgspec.json.encode(task.title).decode()) if task else key
