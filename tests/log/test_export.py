"""Export: whole, of one moment, the same bytes each time, and gone on with after an interruption."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from collabcampus.app import fresh_id
from collabcampus.domain import events as e
from collabcampus.log import export as exporting
from collabcampus.log import lines
from collabcampus.log.database import Database
from collabcampus.log.export import NotExported, export
from log.exported import everything
from log.writing import begun, said, write, writes

pytestmark = pytest.mark.anyio


def read(file: Path) -> list[lines.Line]:
    return [lines.decode(line) for line in file.read_bytes().splitlines(keepends=True)]


async def test_an_export_holds_every_event_to_the_byte_with_its_hashes_and_all_answers(
    database: Database, tmp_path: Path
) -> None:
    await everything(database)
    footer = await export(database.conninfo, tmp_path / "log")
    found = read(tmp_path / "log")

    events = [each for each in found if isinstance(each, lines.Event)]
    rows = await database.fetch(
        "SELECT position, type, key, actor, command_id, rfc3339(at), salt, digest, hash, data::text "
        "FROM events ORDER BY project_id, position"
    )
    assert [msgspec.structs.astuple(each) for each in events] == rows
    assert {each.type for each in events} == set(e.EVENT_TYPES)
    answers = [each for each in found if isinstance(each, lines.Command)]
    rows = await database.fetch("SELECT position, events, command_id, actor, rfc3339(at), digest FROM commands")
    assert sorted(msgspec.structs.astuple(each) for each in answers) == sorted(rows)
    assert (footer.projects, footer.events, footer.commands) == (3, len(events), len(answers))
    text = (tmp_path / "log").read_bytes()
    body = text[: text.rindex(b"\n", 0, -1) + 1]
    assert (found[-1], footer.sha256) == (footer, hashlib.sha256(body).digest())


async def test_an_export_of_one_project_holds_nothing_of_another(database: Database, tmp_path: Path) -> None:
    first, second, _ = await everything(database)

    await export(database.conninfo, tmp_path / "log", [second])

    assert [each.project_id for each in read(tmp_path / "log") if isinstance(each, lines.Project)] == [second]
    with pytest.raises(NotExported, match="there is no project"):
        await export(database.conninfo, tmp_path / "other", [first, fresh_id()])
    with pytest.raises(NotExported, match="is there already"):
        await export(database.conninfo, tmp_path / "log")


async def test_people_are_in_it_only_if_asked_for_and_never_a_secret(database: Database, tmp_path: Path) -> None:
    person, stranger, project_id = fresh_id(), fresh_id(), fresh_id()
    await write(database, begun(project_id, e.MemberAdded(person, "viewer")))
    with psycopg.connect(database.conninfo, autocommit=True) as owner:
        for user_id, name in ((person, "ann"), (stranger, "bob")):
            owner.execute(
                "INSERT INTO accounts (user_id, email, name, password_hash) VALUES (%s, %s, %s, 'the hash')",
                (user_id, f"{name}@example.org", name),
            )

    await export(database.conninfo, tmp_path / "without")
    await export(database.conninfo, tmp_path / "all", people=True)
    await export(database.conninfo, tmp_path / "some", [project_id], people=True)

    ann, bob = lines.Person(person, "ann", "ann@example.org"), lines.Person(stranger, "bob", "bob@example.org")
    people = {
        name: [each for each in read(tmp_path / name) if isinstance(each, lines.Person)]
        for name in ("without", "all", "some")
    }
    assert people == {"without": [], "all": [ann, bob], "some": [ann]}
    assert b"the hash" not in (tmp_path / "all").read_bytes()


@pytest.mark.parametrize("at_once", [1, 7, 1_000])
async def test_an_interrupted_export_goes_on_wherever_it_stopped_and_is_the_same_to_the_byte(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(exporting, "PAGE", at_once)
    monkeypatch.setattr(exporting, "PROJECTS_AT_ONCE", min(at_once, 2))
    await everything(database, 2)
    await export(database.conninfo, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()

    for length in range(0, len(whole), len(whole) // 23):
        (tmp_path / "log.part").write_bytes(whole[:length])
        await export(database.conninfo, tmp_path / "log")
        assert (tmp_path / "log").read_bytes() == whole
        (tmp_path / "log").unlink()


async def test_a_part_goes_on_up_to_the_head_it_was_begun_with(database: Database, tmp_path: Path) -> None:
    project_id = fresh_id()
    await write(database, begun(project_id), writes(fresh_id(), 0, said()))
    await write(database, writes(project_id, 1, said()))
    await export(database.conninfo, tmp_path / "whole", [project_id])
    whole = (tmp_path / "whole").read_bytes()

    await write(database, writes(project_id, 2, said("Later")))
    (tmp_path / "log.part").write_bytes(whole[: len(whole) // 2])
    await export(database.conninfo, tmp_path / "log", [project_id])

    assert (tmp_path / "log").read_bytes() == whole


async def test_what_is_appended_meanwhile_is_not_in_it(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PAGE", 5)
    made = await everything(database, 2)
    await export(database.conninfo, tmp_path / "before")
    heads = dict(await database.fetch("SELECT project_id, position FROM heads"))
    owner = psycopg.connect(database.conninfo, autocommit=True)
    copied = (
        "INSERT INTO commands (project_id, command_id, actor, digest, position, events, at) "
        "SELECT project_id, gen_random_uuid(), actor, digest, position, 0, at FROM commands "
        "WHERE project_id = %s LIMIT 1"
    )

    def meanwhile(_: int) -> None:
        owner.execute(copied, (made[1],))
        owner.execute("UPDATE heads SET position = position + 1")

    await export(database.conninfo, tmp_path / "log", progress=meanwhile)
    owner.close()

    assert dict(await database.fetch("SELECT project_id, position FROM heads")) != heads
    assert (tmp_path / "log").read_bytes() == (tmp_path / "before").read_bytes()


@pytest.mark.parametrize("how", [{"projects": [fresh_id()]}, {"people": True}])
async def test_a_part_that_was_begun_otherwise_is_not_gone_on_with(
    database: Database, tmp_path: Path, how: dict[str, Any]
) -> None:
    for project_id in how.get("projects", ()):
        await write(database, begun(project_id))
    await everything(database, 1)
    await export(database.conninfo, tmp_path / "whole")
    parts = (tmp_path / "whole").read_bytes().splitlines(keepends=True)
    (tmp_path / "log.part").write_bytes(b"".join(parts[:-4]))

    with pytest.raises(NotExported, match="begun otherwise"):
        await export(database.conninfo, tmp_path / "log", **how)
