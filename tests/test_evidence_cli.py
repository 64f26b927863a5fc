"""`collabcampus checkpoint` and what the audit makes of it, beside a server that takes checkpoints itself."""

import json
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
import typer

from collabcampus.evidence_cli import against_checkpoints, checkpoint_command, prove_command
from collabcampus.settings import load
from running import Person, Server
from test_cli import run

VERIFY = Path(__file__).parents[1] / "scripts" / "verify_proof.py"
WAITS_WITHIN_S = 30


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with checkpoints in it."""
    monkeypatch.setenv("COLLABCAMPUS_DATA", str(tmp_path))
    monkeypatch.setenv("COLLABCAMPUS_CHECKPOINTS", str(tmp_path / "checkpoints"))
    return tmp_path


def test_a_server_takes_checkpoints_and_the_audit_finds_what_was_cut(database_url: str, data: Path) -> None:
    with Server("--database-url", database_url, "--workers", "2", COLLABCAMPUS_CHECKPOINT_EACH="1") as server:
        ann = Person(server.url, "Ann")
        project_id = ann.project()
        ann.task(project_id, "Dig")
        wait_for_one(data / "checkpoints")
        ann.task(project_id, "Sow")
    told = run("checkpoint", "--json", "--database-url", database_url)
    assert told.returncode == 0, told.stderr
    done = json.loads(told.stdout)
    assert Path(done["file"]).parent == data / "checkpoints"
    assert done["publicKey"] == (data / "evidence.key.pub").read_text().strip()
    proof = data / "proof.json"
    proof.write_text(run("prove", project_id, "2", "--to", done["file"], "--database-url", database_url).stdout)
    command = [sys.executable, VERIFY, proof, data / "evidence.key.pub"]
    proved = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (proved.returncode, json.loads(proved.stdout)["position"]) == (0, 2), proved.stderr

    with psycopg.connect(database_url, autocommit=True) as owner:
        cut(owner)
    audited = run("audit", "--json", "--database-url", database_url)
    assert audited.returncode == 1
    found = {each["what"] for each in json.loads(audited.stdout)["findings"] if "checkpoint" in each["check"]}
    assert found == {"position 4 is gone"}


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
        assert await against_checkpoints(connection, load({"COLLABCAMPUS_DATA": str(tmp_path)}), None, None) == []
        with pytest.raises(typer.Exit) as bad:
            await against_checkpoints(connection, load({}), tmp_path, key)
    assert bad.value.exit_code == 2


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
        time.sleep(0.02)
