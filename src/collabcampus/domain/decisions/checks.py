"""What several decisions look up or hold against a limit."""

from calendar import monthrange
from collections.abc import Iterable, Mapping
from typing import TypeVar

from msgspec import UNSET, UnsetType

from collabcampus.domain import errors, limits
from collabcampus.domain.project import Actor, Project
from collabcampus.domain.things import Task

T = TypeVar("T")


def within(name: str, count: int) -> None:
    """LimitReached, which names the limit as `docs/rules.md` does, where `count` is beyond the constant called so."""
    most = getattr(limits, name)
    if count > most:
        raise errors.LimitReached(limit=name.lower().replace("_", " "), most=most)


def merged(
    whole: tuple[str, ...] | UnsetType, now: tuple[str, ...], added: tuple[str, ...], removed: tuple[str, ...]
) -> tuple[str, ...] | UnsetType:
    """A list as it is to be: the whole of it, or what it is now without some and with others. UNSET for neither."""
    if not (added or removed):
        return whole
    kept = (each for each in (now if whole is UNSET else whole) if each not in removed)
    return tuple(dict.fromkeys([*kept, *added]))


def unless_same(wanted: T | UnsetType, now: T) -> T | UnsetType:
    """What is to change: nothing where it is so already."""
    return UNSET if wanted == now else wanted


def task_of(project: Project, task_id: str) -> Task:
    """The task, on the board or archived; TaskNotFound."""
    task = project.tasks.get(task_id)
    if task is None:
        raise errors.TaskNotFound
    return task


def open_task(project: Project, task_id: str) -> Task:
    """The task on the board; TaskNotFound or TaskIsArchived."""
    task = task_of(project, task_id)
    if task.archived:
        raise errors.TaskIsArchived
    return task


def known_column(project: Project, status: str) -> None:
    """ColumnNotFound where the project has no such column."""
    for column in project.columns:
        if column.id == status:
            return
    raise errors.ColumnNotFound(column=status)


def unspent(project: Project, taken: Mapping[str, object], new_id: str, name: str) -> None:
    """IdTaken for an id that is, or once was, somebody else's."""
    if new_id in taken or new_id in project.spent:
        raise errors.IdTaken(**{name: new_id})


def members(project: Project, given: Iterable[str], limit: str, already: Iterable[str] = ()) -> tuple[str, ...]:
    """The people named, each once; NotAMember for a stranger who is not in `already`."""
    people = tuple(dict.fromkeys(given))
    within(limit, len(people))
    strangers = [each for each in people if each not in project.members and each not in already]
    if strangers:
        raise errors.NotAMember(userIds=strangers)
    return people


def mentioned(project: Project, given: Iterable[str], already: Iterable[str] = ()) -> tuple[str, ...]:
    """The members mentioned; who left may stay mentioned where they were."""
    return members(project, given, "MENTIONS_PER_TEXT", already)


def others(people: Iterable[str], actor: Actor, known: Iterable[str] = ()) -> tuple[str, ...] | UnsetType:
    """Whom to notify: nobody of what they did themselves, nor of what they know."""
    known = {actor.user_id, *known}
    return tuple(each for each in people if each not in known) or UNSET


def real_day(day: str | UnsetType | None) -> None:
    """InvalidDate for the 31st of February, or the hour 24."""
    if isinstance(day, str) and not (_in_calendar(day) and _on_clock(day[11:19])):
        raise errors.InvalidDate(value=day)


def _in_calendar(day: str) -> bool:
    year, month, date = int(day[:4]), int(day[5:7]), int(day[8:10])
    return year > 0 and 0 < month <= 12 and 0 < date <= monthrange(year, month)[1]


def _on_clock(time: str) -> bool:
    return not time or (time[:2] < "24" and time[3:5] < "60" and time[6:] < "60")


def end_of(day: str) -> str:
    """The moment a day or a moment is over, to compare with: a day ends with its last."""
    return day if "T" in day else f"{day}T24"
