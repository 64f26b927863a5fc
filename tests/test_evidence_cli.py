"""`collabcampus checkpoint` and what the audit makes of it, beside a server that takes checkpoints itself."""

import json
import os
import subprocess
import time
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
import typer

from collabcampus.evidence_cli import against_checkpoints, checkpoint_command, prove_command
from collabcampus.settings import load
from running import COLLABCAMPUS, Person, Server
from test_documents import ROOT, blocks

WAITS_WITHIN_S, POLL_S = 30, 0.02


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with checkpoints in it."""
    monkeypatch.setenv("COLLABCAMPUS_DATA", str(tmp_path))
    monkeypatch.setenv("COLLABCAMPUS_CHECKPOINTS", str(tmp_path / "checkpoints"))
    return tmp_path


def test_a_server_takes_checkpoints_and_the_audit_finds_what_was_cut(database_url: str, data: Path) -> None:
    with Server("--database-url", database_url, COLLABCAMPUS_CHECKPOINT_EACH="1") as server:
        ann = Person(server.url, "Ann")
        project_id = ann.project()
        ann.task(project_id, "Dig")
        wait_for_one(data / "checkpoints")
        ann.task(project_id, "Sow")
    proving, auditing = blocks("docs/evidence.md", "sh")
    proved = shell(proving, data, DATABASE_URL=database_url, PROJECT=project_id)
    assert proved.returncode == 0, proved.stderr
    said, proof = proved.stdout.splitlines()
    assert Path(said.split()[-1]).parent == data / "checkpoints", "which is the newest, whoever took it"
    assert json.loads(proof)["position"] == 2

    with psycopg.connect(database_url, autocommit=True) as owner:
        cut(owner)
    audited = shell(auditing, data, DATABASE_URL=database_url)
    assert audited.returncode == 1
    told = {line.partition("Z: ")[2] for line in audited.stdout.splitlines() if " checkpoint " in line}
    assert told == {"position 4 is gone"}
    assert "held against no checkpoints" not in audited.stderr
    signed = shell("collabcampus checkpoint", data, DATABASE_URL=database_url)
    assert (signed.returncode, "not what was signed before" in signed.stderr) == (1, True)


@pytest.mark.anyio
async def test_what_cannot_be_checked_is_misuse(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(typer.Exit) as refused:
        checkpoint_command(data=tmp_path, database_url=database_url)
    with pytest.raises(typer.Exit) as unclear:
        prove_command(UUID(int=1), data=tmp_path, database_url=database_url)
    assert (refused.value.exit_code, unclear.value.exit_code) == (2, 2)
    assert list(tmp_path.iterdir()) == []

    key = tmp_path / "key.pub"
    key.write_text("nonsense\n")
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        nowhere = load({"COLLABCAMPUS_DATA": str(tmp_path)})
        assert await against_checkpoints(connection, nowhere, None, None) == (0, [])
        with pytest.raises(typer.Exit) as bad:
            await against_checkpoints(connection, load({}), tmp_path, key)
    assert bad.value.exit_code == 2


def shell(shown: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """What the page shows, done in the data folder."""
    path = f"{COLLABCAMPUS.parent}{os.pathsep}{os.environ['PATH']}"
    command = ["sh", "-eu", "-c", shown.replace("scripts/", f"{ROOT}/scripts/")]
    environment = {**os.environ, "PATH": path, **environ}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, env=environment)


def cut(owner: psycopg.Connection) -> None:
    """Take each project's last event away, and whatever would tell."""
    for table in ("events", *(f"events_{number}" for number in range(8))):
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
    owner.execute(
        "DELETE FROM events AS e USING heads AS h WHERE e.project_id = h.project_id AND e.position = h.position"
    )
    owner.execute(
        "UPDATE heads AS h SET position = e.position, hash = e.hash FROM events AS e "
        "WHERE e.project_id = h.project_id AND e.position = h.position - 1"
    )


def wait_for_one(folder: Path) -> None:
    ends = time.monotonic() + WAITS_WITHIN_S
    while not list(folder.glob("*.checkpoint")):
        assert time.monotonic() < ends
        time.sleep(POLL_S)
