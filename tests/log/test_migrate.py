"""The migrator: once each, in order, never an edited one; projections follow their files."""

import asyncio
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from collabcampus.app import fresh_id
from collabcampus.log.database import Database, UnfitServer
from collabcampus.log.migrate import MigrationRefused, migrate
from collabcampus.log.rebuild import UnknownProjection, rebuild
from collabcampus.log.sources import sql_files
from log.writing import begun, write

pytestmark = pytest.mark.anyio


def copied(folder: Path, name: str) -> list[Path]:
    """Our SQL files, to be changed."""
    folder.mkdir(exist_ok=True)
    for file in sql_files(name):
        (folder / file.name).write_bytes(file.read_bytes())
    return sorted(folder.glob("*.sql"))


async def test_an_empty_database_is_migrated_once_even_by_five_at_the_same_time(cluster: str) -> None:
    async with await psycopg.AsyncConnection.connect(cluster, autocommit=True) as connection:
        await connection.execute("CREATE DATABASE five_at_once")
    url = make_conninfo(cluster, dbname="five_at_once")

    done = await asyncio.gather(*(migrate(url) for _ in range(5)))

    assert sorted(len(each.migrations) for each in done) == [0, 0, 0, 0, len(sql_files("schema"))]
    assert sorted(len(each.projections) for each in done) == [0, 0, 0, 0, len(sql_files("projections"))]


async def test_an_edited_migration_is_refused_and_nothing_is_done(database_url: str, tmp_path: Path) -> None:
    files = copied(tmp_path / "schema", "schema")
    files[1].write_text(files[1].read_text() + "-- edited\n")
    files.append(tmp_path / "schema" / "999_more.sql")
    files[-1].write_text("CREATE TABLE more ()")

    with pytest.raises(MigrationRefused, match=r"001_events\.sql was edited"):
        await migrate(database_url, schema=files)

    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        row = await (await connection.execute("SELECT to_regclass('more')")).fetchone()
    assert row == (None,)


async def test_a_database_newer_than_the_files_is_refused(database_url: str) -> None:
    newest = sql_files("schema")[-1].stem
    with pytest.raises(MigrationRefused, match=f"newer than this version: it has {newest}"):
        await migrate(database_url, schema=sql_files("schema")[:-1])


async def test_a_projection_whose_file_changed_is_made_anew_from_the_log(database: Database, tmp_path: Path) -> None:
    project_id = fresh_id()
    await write(database, begun(project_id))
    files = copied(tmp_path / "projections", "projections")
    changed = next(each for each in files if each.stem == "project")
    changed.write_text(changed.read_text().replace("'createdAt'", "'begunAt'"))

    done = await migrate(database.conninfo, projections=files)

    assert done.projections == ["project"]
    rows = await database.fetch("SELECT row ->> 'begunAt' IS NOT NULL FROM project")
    assert rows == [(True,)]


async def test_a_projection_whose_file_went_is_dropped_and_a_new_one_is_filled(
    database: Database, tmp_path: Path
) -> None:
    files = [each for each in copied(tmp_path, "projections") if each.stem != "chat"]
    files.append(tmp_path / "types.sql")
    files[-1].write_text(
        "CALL keep_projection('types', '{ProjectCreated}', '{}', $$ SELECT project_id, position, type, "
        "type AS key, '{}'::jsonb AS patch FROM event $$);"
    )

    done = await migrate(database.conninfo, projections=files)

    assert (done.projections, done.dropped) == (["types"], ["chat"])
    assert await database.fetch("SELECT to_regclass('chat'), to_regclass('types')::text") == [(None, "types")]


async def test_a_rebuild_of_an_unknown_projection_names_those_there_are(database_url: str) -> None:
    with pytest.raises(
        UnknownProjection, match="there is no projection bored; there are activity, assignment, board"
    ):
        await rebuild(database_url, ["bored"])


async def test_a_server_that_may_lose_what_it_acknowledged_is_refused(database_url: str) -> None:
    unfit = make_conninfo(database_url, options="-c synchronous_commit=off")

    with pytest.raises(UnfitServer, match="synchronous_commit is off"):
        await migrate(unfit)
    with pytest.raises(UnfitServer, match="synchronous_commit is off"):
        await Database(unfit).open()
