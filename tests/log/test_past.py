"""The past is a prefix of the log: that of a position, or the longest one of which nothing is later than a moment."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import psycopg
import pytest

from collabcampus.app import fresh_id
from collabcampus.domain import events as e
from collabcampus.domain.errors import NotYetThere, Overloaded, PositionAhead, ProjectNotFound, Refused
from collabcampus.domain.project import Project, fold, initial
from collabcampus.log import past, read, snapshots
from collabcampus.log.append import Decided, Writes
from collabcampus.log.database import Database
from collabcampus.log.past import Past, When, moment
from log.writing import write
from strategies import OWNER

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def minute(number: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=number)


def rfc3339(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def written(database: Database, minutes: Sequence[float]) -> list[e.Recorded]:
    """A project with an event at each of these minutes: a beginning, and then messages."""
    project_id, recorded = fresh_id(), list[e.Recorded]()
    for position, each in enumerate(minutes):
        event = e.MessageSent(fresh_id(), f"{each}") if position else e.ProjectCreated(project_id, "Garden", "", ())
        recorded += e.record(project_id, position, OWNER.user_id, fresh_id(), rfc3339(minute(each)), [event])
    decided = [Decided(each.command_id, each.actor, b"", each.at, each.position, [each]) for each in recorded]
    assert await write(database, Writes(project_id, 0, decided)) == {project_id: "appended"}
    return recorded


def after(recorded: list[e.Recorded], position: int) -> Project:
    return fold(initial(recorded[0].project_id), recorded[:position])


async def refusal(database: Database, project_id: str, when: When) -> Refused:
    with pytest.raises(Refused) as refused:
        await Past(database).look(project_id, when)
    return refused.value


async def test_a_position_shows_the_fold_of_the_log_up_to_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = await written(database, range(12))
    monkeypatch.setattr(past, "PAGE", 5)

    for position in range(1, 13):
        was = await Past(database).look(recorded[0].project_id, position)
        assert was.state == after(recorded, position)
        assert was.at == recorded[position - 1].at


@pytest.mark.parametrize("stored", [1, 6, 12])
async def test_a_stored_snapshot_is_begun_from_where_it_is_older_and_nowhere_else(
    database: Database, stored: int
) -> None:
    recorded = await written(database, range(12))
    project_id = recorded[0].project_id
    marked = after(recorded, stored)
    marked.description = "from the snapshot"
    await snapshots.store(database, project_id, stored, snapshots.encode(marked))

    for position in range(1, 13):
        state = (await Past(database).look(project_id, position)).state
        assert state.description == ("from the snapshot" if position >= stored else "")
        assert list(state.messages) == list(after(recorded, position).messages)


async def test_looking_back_leaves_log_snapshot_and_head_as_they_were(database: Database) -> None:
    recorded = await written(database, range(5))
    project_id = recorded[0].project_id
    stored = snapshots.encode(after(recorded, 3))
    await snapshots.store(database, project_id, 3, stored)

    for position in range(1, 6):
        await Past(database).look(project_id, position)

    assert [each async for each in read.history(database, project_id)] == recorded
    assert await read.heads(database, [project_id]) == {project_id: 5}
    assert await database.fetch("SELECT position, state FROM snapshots") == [(3, stored)]


async def test_a_moment_shows_all_that_was_written_until_then(database: Database) -> None:
    recorded = await written(database, [0, 1, 1, 2])

    found = {
        each: await Past(database).position_of(recorded[0].project_id, minute(each))
        for each in (0, 0.5, 0.9999, 1, 1.5, 2, 600)
    }

    assert found == {0: 1, 0.5: 1, 0.9999: 1, 1: 3, 1.5: 3, 2: 4, 600: 4}


async def test_where_clocks_differ_nothing_is_shown_that_came_later_and_later_never_shows_less(
    database: Database,
) -> None:
    recorded = await written(database, [0, 5, 3, 4, 9, 1, 10])
    project_id = recorded[0].project_id

    found = [await Past(database).position_of(project_id, minute(each / 2)) for each in range(22)]

    assert found == sorted(found)
    for each, position in enumerate(found):
        assert all(one.at <= rfc3339(minute(each / 2)) for one in recorded[:position])
        assert position == 7 or recorded[position].at > rfc3339(minute(each / 2)), "it could have been longer"
    assert [found[2 * each] for each in (0, 4, 5, 8, 9, 10)] == [1, 1, 4, 4, 6, 7]


async def test_what_never_was_is_refused(database: Database) -> None:
    recorded = await written(database, [0, 1])
    project_id = recorded[0].project_id

    ahead = await refusal(database, project_id, 3)

    assert isinstance(ahead, PositionAhead)
    assert ahead.details == {"head": 2}
    assert isinstance(await refusal(database, project_id, 0), NotYetThere)
    assert isinstance(await refusal(database, project_id, minute(-1)), NotYetThere)
    for when in (1, minute(1)):
        assert isinstance(await refusal(database, fresh_id(), when), ProjectNotFound)


async def test_looks_wait_for_each_other_and_too_many_are_refused_at_once(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = await written(database, range(12))
    project_id = recorded[0].project_id
    monkeypatch.setattr(past, "WAITING", 5)
    looking = Past(database)

    async with await psycopg.AsyncConnection.connect(database_url) as other:
        await other.execute("LOCK TABLE snapshots")  # so that none of them comes to an end
        looks = [asyncio.create_task(looking.look(project_id, 12)) for _ in range(past.FOLDED_AT_ONCE + 5 + 2)]
        refused = [await each for each in islice(asyncio.as_completed([failing(each) for each in looks]), 2)]
    found = await asyncio.gather(*looks, return_exceptions=True)

    assert [type(each) for each in refused] == [Overloaded, Overloaded]
    assert [each.state for each in found if isinstance(each, past.Was)] == [after(recorded, 12)] * 7
    assert (await looking.look(project_id, 12)).state.head == 12, "and later there is room again"


async def failing(look: asyncio.Task[past.Was]) -> BaseException | None:
    await asyncio.wait([look])
    return look.exception()


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00Z", "2026-03-01T14:00:00.000+02:00"])
def test_a_moment_has_a_time_zone(text: str) -> None:
    assert moment(text) == NOON
    for wrong in (text[:19], text[:10], "now", "1772366400", ""):
        with pytest.raises(ValueError, match=r"."):
            moment(wrong)
