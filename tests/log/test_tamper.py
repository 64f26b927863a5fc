"""Whoever may do anything in the database, the audit finds what they did to the log, and accuses nobody falsely."""

from pathlib import Path

import pytest

from collabcampus.log.database import Database
from log.attacks import kinds
from log.tampering import attacked

pytestmark = pytest.mark.anyio

HISTORIES = 250


async def test_of_hundreds_of_attacks_each_is_found_and_nobody_is_accused_falsely(
    database: Database, tmp_path: Path
) -> None:
    done = await attacked(database, tmp_path, HISTORIES, seed=7)

    assert not done.wrong, "\n".join(done.wrong)
    assert set(done.kinds) == {each.name for each in kinds()}
    assert (done.left_alone, sum(each.planted for each in done.kinds.values())) == (50, 200)
