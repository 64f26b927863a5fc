"""The log as Parquet: a row an event, without what restores it, a group of rows at a time."""

import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from collabcampus.domain import events as e
from collabcampus.log import parquet
from collabcampus.log.database import Database
from collabcampus.log.export import NotExported
from collabcampus.log.parquet import export_parquet
from log.exported import everything

pytestmark = pytest.mark.anyio


async def test_each_event_is_a_row_and_no_digest_of_a_secret_is_in_it(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "ROWS_A_GROUP", 50)
    monkeypatch.setattr(parquet, "PAGE", 20)
    first, *_ = await everything(database)

    count = await export_parquet(database.conninfo, tmp_path / "log.parquet")

    table = pyarrow.parquet.read_table(tmp_path / "log.parquet")
    assert table.column_names == ["projectId", "position", "type", "key", "actor", "at", "commandId", "data"]
    rows = await database.fetch(
        "SELECT project_id, position, type, key, actor, at, command_id, data::text FROM events "
        "ORDER BY project_id, position"
    )
    found = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    invited = e.InvitationCreated.__name__
    assert [each for each in found if each[2] != invited] == [each for each in rows if each[2] != invited]
    assert {each[2] for each in found} == set(e.EVENT_TYPES)
    assert all("secretHash" not in each[7] and "addressDigest" not in each[7] for each in found)
    assert count == len(rows)
    assert pyarrow.parquet.ParquetFile(tmp_path / "log.parquet").num_row_groups > 1

    assert await export_parquet(database.conninfo, tmp_path / "one", [first]) == len(rows) // 3
    with pytest.raises(NotExported, match="is there already"):
        await export_parquet(database.conninfo, tmp_path / "one")


async def test_without_the_extra_it_says_what_to_install(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(NotExported, match=r"pip install 'collabcampus\[parquet\]'"):
        await export_parquet(database_url, tmp_path / "log.parquet")
