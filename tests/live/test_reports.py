"""Reports equal what a few lines make of the boards between the events, one after the other."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st
from msgspec import structs

from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.project import fold, initial
from collabcampus.live.reports import (
    DAY,
    REPORTS,
    Period,
    contributions,
    cycle_time,
    moment,
    period,
    throughput,
    time_in_column,
)
from domain.given import PROJECT
from domain.histories import histories

BEGIN = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)
STEP = timedelta(hours=11)
LATER = "2027-01-01T00:00:00.000Z"


def spaced(history: list[e.Recorded]) -> list[e.Recorded]:
    """The history with some hours between its events."""
    return [structs.replace(each, at=(BEGIN + each.position * STEP).isoformat()) for each in history]


class Watched:
    """What somebody sees who looks at the board after every event up to the end of a period."""

    def __init__(self, history: list[e.Recorded], within: Period) -> None:
        self.days: dict[tuple[str, str], float] = defaultdict(float)
        self.since: dict[str, tuple[str, datetime, str]] = {}
        self.made: dict[str, datetime] = {}
        seen = [each for each in history if moment(each.at) < within.until]
        project = initial(PROJECT)
        for nth, each in enumerate(seen):
            at = moment(each.at)
            project = fold(project, [each])
            until = moment(seen[nth + 1].at) if nth + 1 < len(seen) else within.until
            board = {task_id: status for status, places in project.places.items() for _, task_id in places}
            self.since = {key: known for key, known in self.since.items() if board.get(key) == known[0]}
            for task_id, status in board.items():
                self.made.setdefault(task_id, at)
                self.since.setdefault(task_id, (status, at, each.actor))
                self.days[status, task_id] += within.days(at, until)
        last = project.columns[-1].id if project.columns else ""
        self.done = {
            key: (at, actor) for key, (status, at, actor) in self.since.items() if status == last and within.has(at)
        }


@settings(max_examples=60, deadline=None)
@over(histories, st.integers(0, 40), st.integers(0, 60))
def test_reports_are_what_somebody_sees_who_looks_after_every_event(
    history: list[e.Recorded], first: int, length: int
) -> None:
    history = spaced(history)
    within = Period(BEGIN + first * STEP, BEGIN + (first + length) * STEP + DAY / 3)
    watched = Watched(history, within)

    of_columns: dict[str, float] = Counter()
    for (status, _), days in watched.days.items():
        of_columns[status] += days
    told: list[Any] = time_in_column(history, within)
    assert {each.column: pytest.approx(each.days) for each in told if each.tasks} == {
        status: days for status, days in of_columns.items() if days
    }

    done: list[Any] = cycle_time(history, within)
    assert {each.task_id: (moment(each.done_at), pytest.approx(each.lead_days)) for each in done} == {
        key: (at, (at - watched.made[key]) / DAY) for key, (at, _) in watched.done.items()
    }
    assert all(0 <= each.cycle_days <= each.lead_days for each in done)

    weeks: list[Any] = throughput(history, within)
    assert sum(each.done for each in weeks) == len(watched.done)
    assert sum(each.created for each in weeks) == sum(map(within.has, watched.made.values()))
    assert all(moment(each.week).weekday() == 0 for each in weeks)

    people: list[Any] = contributions(history, within)
    assert {each.user_id: each.done for each in people if each.done} == Counter(
        actor for _, actor in watched.done.values()
    )
    said = Counter(
        each.actor
        for each in history
        if within.has(moment(each.at)) and isinstance(each.event, e.CommentAdded | e.MessageSent)
    )
    assert {each.user_id: each.comments + each.messages for each in people if each.comments + each.messages} == said


def test_a_week_without_anything_is_a_row_too() -> None:
    made = [e.TaskCreated("a", "Dig", "", "todo", "a0"), e.TaskCreated("b", "Sow", "", "todo", "a1")]
    begun = e.ProjectCreated(PROJECT, "Garden", "", (e.Column("todo", "To do"),))
    history = e.record(PROJECT, 0, "u", "c", "2026-11-02T10:00:00.000Z", [begun, made[0]])
    history += e.record(PROJECT, 2, "u", "c", "2026-11-22T10:00:00.000Z", [made[1]])

    rows: list[Any] = throughput(history, period(None, None, LATER))

    assert [(each.week, each.created) for each in rows] == [("2026-11-02", 1), ("2026-11-09", 0), ("2026-11-16", 1)]


def test_a_period_has_all_of_its_last_day_and_ends_now_at_the_latest() -> None:
    days = period("2026-11-02", "2026-11-03", LATER)

    assert days.has(moment("2026-11-03T23:59:59.999Z"))
    assert not days.has(moment("2026-11-04T00:00:00.000Z"))
    assert not days.has(moment("2026-11-01T23:59:59.999Z"))
    assert period(None, "2099-01-01", LATER).until == moment(LATER) + timedelta(milliseconds=1)
    with pytest.raises(errors.InvalidDate):
        period("2026-02-30", None, LATER)


def test_every_report_of_nothing_is_empty() -> None:
    assert [report([], period(None, None, LATER)) for report in REPORTS.values()] == [[]] * len(REPORTS)
