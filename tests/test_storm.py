"""Short forms of `scripts/storm`: two nodes, real processes, everything that is heard held against the log."""

from collections.abc import Iterator
from typing import Any

import pytest

from storm.campus import campus, fill, two_nodes
from storm.joining import joins
from storm.removing import removals
from storm.revoking import archivings, demotions, logouts

PROJECTS, PEOPLE = 5, 12
LOGOUTS = 5

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def nodes(module_database_url: str) -> Iterator[Any]:
    filled = fill(module_database_url, people=PEOPLE, projects=PROJECTS, tasks=20)
    with two_nodes(module_database_url) as running:
        yield running, filled


def nothing() -> None:
    """Progress that nobody looks at."""


async def test_every_join_and_every_resume_under_a_storm_is_the_log_without_a_seam(nodes: Any) -> None:
    async with campus(*nodes, seed=1) as here:
        report = await joins(here, 40, 800, nothing)

    assert report.findings == []
    assert report.figures["joins"] + report.figures["resumes"] == 40
    assert report.figures["of them by polling"]
    assert report.figures["events written"]


async def test_who_is_removed_at_n_hears_nothing_above_n_on_either_node(nodes: Any) -> None:
    async with campus(*nodes, seed=2) as here:
        report = await removals(here, 12, 200, nothing)

    assert report.findings == []
    assert report.figures["let in"]
    assert report.figures["refused in flight"]
    assert report.figures["commands too late"]


async def test_who_becomes_a_viewer_at_n_writes_nothing_after_n_on_either_node(nodes: Any) -> None:
    async with campus(*nodes, seed=3) as here:
        report = await demotions(here, 8, nothing)

    assert report.findings == []
    assert report.figures["commands in time"]


async def test_a_project_archived_at_n_sends_everybody_out_on_both_nodes(nodes: Any) -> None:
    async with campus(*nodes, seed=4) as here:
        report = await archivings(here, PROJECTS, nothing)

    assert report.findings == []


async def test_a_log_out_closes_the_sockets_of_its_session_on_both_nodes(nodes: Any) -> None:
    async with campus(*nodes, seed=5) as here:
        report = await logouts(here, LOGOUTS, nothing)

    assert report.findings == []
