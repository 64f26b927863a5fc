"""`collabcampus replay` and `scripts/replay.py`: a project's past on the command line, beside a running server."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog
from click.testing import Result
from typer.testing import CliRunner

from collabcampus.cli import cli
from running import COLLABCAMPUS, Person, Server

SCRIPT = Path(__file__).parents[1] / "scripts" / "replay.py"
WIDE = {**os.environ, "COLUMNS": "120"}


class Past:
    """A project with a history: who made it, and the board after each change."""

    def __init__(self, server: Server, database_url: str) -> None:
        self.url, self.database_url = server.url, database_url
        self.owner, self.editor = Person(server.url, "Olga"), Person(server.url, "Edda")
        self.project = self.owner.project("Garden")
        self.path = f"/api/projects/{self.project}"
        self.boards: dict[int, dict[str, Any]] = {}
        added = {"userId": self.editor.user_id, "role": "editor"}
        self.owner.http.post(f"{self.path}/members", json=added).raise_for_status()
        self.dig = self.seen(self.owner.task(self.project, "Dig [deep]"))
        self.reap = self.seen(self.editor.task(self.project, "Reap"))
        self.editor.http.put(f"/api/tasks/{self.dig}", json={"status": "done"}).raise_for_status()
        self.seen("")
        self.owner.http.delete(f"/api/tasks/{self.reap}").raise_for_status()
        self.seen("")

    def seen(self, task_id: str) -> str:
        """Keep the board as it is now."""
        board = self.owner.http.get(f"{self.path}/board").json()
        self.boards[board["position"]] = board
        return task_id

    def run(self, *options: str, project: str = "") -> Result:
        """The command, on this database."""
        return CliRunner().invoke(cli, self.command(*options, project=project))

    def command(self, *options: str, project: str = "") -> list[str]:
        """What is typed behind the program's name."""
        return ["replay", project or self.project, "--database-url", self.database_url, *options]

    def json(self, *options: str) -> list[Any]:
        """What it prints for programs, by lines."""
        done = self.run("--json", *options)
        assert done.exit_code == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def past(server: Server, module_database_url: str) -> Iterator[Past]:
    handlers = logging.root.handlers
    yield Past(server, module_database_url)
    structlog.reset_defaults()
    logging.root.handlers = handlers


def test_it_shows_the_board_that_was_shown_then(past: Past) -> None:
    first, *_, last = past.boards
    at = past.owner.http.get(f"{past.path}/events", params={"after": first - 1}).json()["items"][0]["at"]

    assert past.json("--position", str(first)) == [past.boards[first]]
    assert past.json() == [past.boards[last]]
    (by_time,) = past.json("--at", at)
    assert by_time == past.owner.http.get(f"{past.path}/board", params={"at": at}).json()


def test_people_see_a_table_of_columns(past: Past) -> None:
    _, _, moved, _ = past.boards
    command = [str(COLLABCAMPUS), *past.command("--position", str(moved))]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, env=WIDE).stdout

    assert f"Garden: position {moved}" in shown
    row = next(line for line in shown.splitlines() if "Reap" in line)
    assert row.index("Reap") < row.index("Dig [deep]"), "to do comes before done"


def test_steps_are_the_history_and_by_is_somebodys_part_of_it(past: Past) -> None:
    events = past.owner.http.get(f"{past.path}/events", params={"limit": 1_000}).json()["items"]
    theirs = [each for each in events if each["actor"] == past.editor.user_id]
    assert 0 < len(theirs) < len(events)

    assert past.json("--steps") == events
    assert past.json("--steps", "--position", "3") == events[:3]
    assert past.json("--by", past.editor.email) == past.json("--by", past.editor.user_id) == theirs
    told = past.run("--by", past.editor.email).stdout.splitlines()
    assert [line.split()[:4] for line in told] == [
        [str(each["position"]), each["at"], "Edda", each["type"]] for each in theirs
    ]


def test_a_difference_names_what_came_went_and_changed(past: Past) -> None:
    one, two, _, four = past.boards

    (found,) = past.json("--diff", str(one), str(four))
    assert (found["from"]["position"], found["to"]["position"]) == (one, four)
    assert (found["project"], found["added"], found["removed"]) == ({}, {}, {})
    assert set(found["changed"]) == {"tasks"}
    assert found["changed"]["tasks"][past.dig]["status"] == ["todo", "done"]
    (back,) = past.json("--diff", str(four), str(two))
    assert [each["taskId"] for each in back["added"]["tasks"]] == [past.reap]
    assert '~ tasks: "Dig [deep]": status "todo" → "done"' in past.run("--diff", str(two), str(four)).stdout
    assert past.run("--diff", "2", "2").stdout == "nothing differs\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--position", "1", "--at", "2026-01-01T00:00:00Z"],
        ["--at", "yesterday"],
        ["--diff", "1", "tomorrow"],
        ["--diff", "1", "2", "--steps"],
        ["--position", "-1"],
    ],
)
def test_misuse_exits_with_2(past: Past, options: list[str]) -> None:
    assert past.run(*options).exit_code == 2


def test_what_never_was_exits_with_1_and_is_said_in_words(past: Past) -> None:
    for options, code in (
        (["--position", "1000"], "position_ahead"),
        (["--at", "2001-01-01T00:00:00Z"], "not_yet_there"),
        (["--by", "nobody@example.org"], "person_not_found"),
    ):
        failed = past.run(*options)
        assert (failed.exit_code, code in failed.stderr) == (1, True), failed.stderr
    assert "project_not_found" in past.run(project=str(uuid4())).stderr


def script(past: Past, *options: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), past.url, past.project, *options]
    environ = {**os.environ, "COLLABCAMPUS_TOKEN": past.owner.token if token is None else token}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ)


def test_the_script_folds_the_same_board_from_the_events_alone(past: Past) -> None:
    for position, board in past.boards.items():
        done = script(past, "--position", str(position))
        assert (done.returncode, done.stderr) == (0, "the server shows the same\n")
        titles = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ")]
        assert titles == [each["title"] for each in board["tasks"]]
    assert script(past, "--at", "2999-01-01T00:00:00Z").stdout == script(past).stdout
    assert script(past, "--at", "2999-01-01T00:00:00").returncode == 2
    assert script(past, token="nonsense").returncode == 1
