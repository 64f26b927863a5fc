"""Reports: what a project's events tell of how the work went, one pure function each, over any stretch of time.

The events are a project's whole history up to some moment; a report looks at all of them and counts what falls into
the period. A task is done while it is in the last column; a column is one as it was named last.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from statistics import median
from typing import TypeAlias

from msgspec import Struct, ValidationError, convert, field

from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.decisions.checks import real_day
from collabcampus.domain.types import Day

DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

History: TypeAlias = Sequence[e.Recorded]


class Period(Struct, frozen=True):
    """From one moment up to another, which is not in it any more."""

    since: datetime
    until: datetime

    def has(self, moment: datetime) -> bool:
        """Whether it falls into the period."""
        return self.since <= moment < self.until

    def days(self, since: datetime, until: datetime) -> float:
        """How many days of a stretch of time fall into the period."""
        return max(min(until, self.until) - max(since, self.since), timedelta()) / DAY


class Stay(Struct):
    """A task in a column: since when and whose doing, and until when, or to the end of what is looked at."""

    status: str
    since: datetime
    actor: str
    until: datetime | None = None


class Course(Struct):
    """What became of a task; it is on the board while its last stay is open."""

    task_id: str
    title: str
    stays: list[Stay] = field(default_factory=list)


class Courses(Struct):
    """All tasks of a history, and the columns at its end; `names` has those that are gone, too."""

    tasks: dict[str, Course] = field(default_factory=dict)
    columns: tuple[e.Column, ...] = ()
    names: dict[str, str] = field(default_factory=dict)

    def done(self, period: Period) -> Iterator[tuple[Course, Stay]]:
        """The tasks that came to the last column in the period, and stayed."""
        last = self.columns[-1].id if self.columns else ""
        for task in self.tasks.values():
            stay = task.stays[-1]
            if stay.until is None and stay.status == last and period.has(stay.since):
                yield task, stay


class TimeInColumn(Struct, frozen=True, rename="camel"):
    """A column, how many tasks were in it, and how long: in all, on average, and half of them at most."""

    column: str
    name: str
    tasks: int
    days: float
    mean_days: float
    median_days: float


class CycleTime(Struct, frozen=True, rename="camel"):
    """A task that was done: days since it was made, and since it left the column in which it was made."""

    task_id: str
    title: str
    created_at: str
    done_at: str
    lead_days: float
    cycle_days: float


class Throughput(Struct, frozen=True, rename="camel"):
    """A week, by its Monday: how many tasks were made in it, and how many were done."""

    week: str
    created: int
    done: int


class Contribution(Struct, rename="camel"):
    """What a person did: how many tasks they made, brought to the last column and moved, and what else they wrote."""

    user_id: str
    events: int = 0
    created: int = 0
    done: int = 0
    moved: int = 0
    edited: int = 0
    comments: int = 0
    messages: int = 0


Row: TypeAlias = TimeInColumn | CycleTime | Throughput | Contribution

_COUNTED: dict[type[e.Event], str] = {
    e.TaskCreated: "created",
    e.TaskMoved: "moved",
    e.TaskEdited: "edited",
    e.TaskAssigned: "edited",
    e.ChecklistItemAdded: "edited",
    e.ChecklistItemEdited: "edited",
    e.ChecklistItemRemoved: "edited",
    e.CommentAdded: "comments",
    e.MessageSent: "messages",
}
_BY_THEMSELVES = (e.DueReminded, e.ColumnRebalanced)
"""Events that nobody meant."""


def period(since: str | None, until: str | None, now: str) -> Period:
    """From a day or moment to another, a day with all of it; from the beginning, and until now, where none is named.

    InvalidDate for a day that there is not.
    """
    for each in (since, until):
        _require_day(each)
    end = now if until is None else until
    return Period(
        moment(since) if since else BEGINNING,
        min(moment(end) + (DAY if "T" not in end else timedelta()), _after(now)),
    )


def _require_day(text: str | None) -> None:
    try:
        real_day(convert(text, Day | None))
    except ValidationError:
        raise errors.InvalidDate(value=text) from None


def moment(text: str) -> datetime:
    """A day's beginning, or the moment."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _after(now: str) -> datetime:
    return moment(now) + timedelta(milliseconds=1)


def time_in_column(history: History, within: Period) -> list[Row]:
    """How long tasks were in each column, in the order of the columns, those that are gone last."""
    courses = courses_of(history, within.until)
    found: dict[str, dict[str, float]] = {column.id: {} for column in courses.columns}
    for task in courses.tasks.values():
        for stay in task.stays:
            days = within.days(stay.since, stay.until or within.until)
            if days:
                of_column = found.setdefault(stay.status, {})
                of_column[task.task_id] = of_column.get(task.task_id, 0.0) + days
    return [
        TimeInColumn(
            status, courses.names.get(status, status), len(days), sum(days.values()),
            sum(days.values()) / len(days) if days else 0.0, median(days.values()) if days else 0.0,
        )
        for status, days in found.items()
    ]  # fmt: skip


def cycle_time(history: History, within: Period) -> list[Row]:
    """The tasks that were done, the first one first."""
    done = sorted(courses_of(history, within.until).done(within), key=lambda each: each[1].since)
    return [
        CycleTime(
            task.task_id, task.title, _text(task.stays[0].since), _text(stay.since),
            (stay.since - task.stays[0].since) / DAY, (stay.since - (task.stays[0].until or stay.since)) / DAY,
        )
        for task, stay in done
    ]  # fmt: skip


def throughput(history: History, within: Period) -> list[Row]:
    """Week by week, those without anything too."""
    courses = courses_of(history, within.until)
    created = [_monday(task.stays[0].since) for task in courses.tasks.values() if within.has(task.stays[0].since)]
    done = [_monday(stay.since) for _, stay in courses.done(within)]
    weeks = [*created, *done]
    if not weeks:
        return []
    count = (max(weeks) - min(weeks)) // WEEK + 1
    return [
        Throughput(week.date().isoformat(), created.count(week), done.count(week))
        for week in (min(weeks) + nth * WEEK for nth in range(count))
    ]


def contributions(history: History, within: Period) -> list[Row]:
    """What each person did, who did most first."""
    people: dict[str, Contribution] = {}
    for recorded in history:
        if within.has(moment(recorded.at)) and not isinstance(recorded.event, _BY_THEMSELVES):
            person = people.setdefault(recorded.actor, Contribution(recorded.actor))
            person.events += 1
            if name := _COUNTED.get(type(recorded.event)):
                setattr(person, name, getattr(person, name) + 1)
    for _, stay in courses_of(history, within.until).done(within):
        people[stay.actor].done += 1
    return [*sorted(people.values(), key=lambda each: (-each.events, each.user_id))]


REPORTS: dict[str, Callable[[History, Period], list[Row]]] = {
    "time-in-column": time_in_column,
    "cycle-time": cycle_time,
    "throughput": throughput,
    "contributions": contributions,
}
ROWS: dict[str, type[Row]] = {
    "time-in-column": TimeInColumn, "cycle-time": CycleTime, "throughput": Throughput, "contributions": Contribution,
}  # fmt: skip
"""What each report is made of."""


def courses_of(history: Iterable[e.Recorded], until: datetime) -> Courses:
    """What became of every task by then."""
    courses = Courses()
    for recorded in takewhile(lambda each: moment(each.at) < until, history):
        event = recorded.event
        match event:
            case e.ProjectCreated() | e.ColumnAdded() | e.ColumnEdited() | e.ColumnMoved() | e.ColumnRemoved():
                courses.columns = event.columns
                courses.names |= {column.id: column.name for column in event.columns}
            case e.TaskCreated():
                courses.tasks[event.task_id] = Course(event.task_id, event.title)
                _enter(courses, event, recorded)
            case e.TaskEdited() if isinstance(event.title, str) and event.task_id in courses.tasks:
                courses.tasks[event.task_id].title = event.title
            case e.TaskMoved() | e.TaskRestored():
                _enter(courses, event, recorded)
            case e.TaskArchived() | e.TaskDeleted():
                _leave(courses, event.task_id, recorded)
            case _:
                pass
    return courses


def _enter(courses: Courses, event: e.TaskCreated | e.TaskMoved | e.TaskRestored, recorded: e.Recorded) -> None:
    task = courses.tasks.get(event.task_id)
    if task is None:
        return
    last = task.stays[-1] if task.stays else None
    if last is None or last.until is not None or last.status != event.status:
        _leave(courses, event.task_id, recorded)
        task.stays.append(Stay(event.status, moment(recorded.at), recorded.actor))


def _leave(courses: Courses, task_id: str, recorded: e.Recorded) -> None:
    task = courses.tasks.get(task_id)
    if task and task.stays and task.stays[-1].until is None:
        task.stays[-1].until = moment(recorded.at)


def _monday(day: datetime) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=day.weekday())


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
