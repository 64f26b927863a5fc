"""The command line: what it prints and how it exits, beside a running server too."""

import json
import socket
import subprocess
from pathlib import Path

import httpx
import psycopg
import pytest

from collabcampus.settings import Settings
from conftest import remove_cluster
from running import COLLABCAMPUS, Server

COMMANDS = ("serve", "migrate", "rebuild", "audit", "replay", "user add", "token add", "demo")


def run(*options: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(COLLABCAMPUS), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, input=given, timeout=60)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_tells_every_option(command: str) -> None:
    told = run(*command.split(), "--help")

    assert told.returncode == 0
    assert "--data" in told.stdout
    assert "--database-url" in told.stdout


def test_the_help_of_serve_names_every_setting() -> None:
    told = run("serve", "--help").stdout

    for name in Settings.__struct_fields__:
        assert f"COLLABCAMPUS_{name.upper()}" in told or f"--{name.replace('_', '-')}" in told, name


@pytest.mark.parametrize(
    "options",
    [["serve", "--port", "notanumber"], ["serve", "--port", "70000"], ["nonsense"], ["demo", "--users", "0"]],
)
def test_misuse_exits_with_2(options: list[str]) -> None:
    assert run(*options).returncode == 2


def test_a_database_that_is_not_there_is_said_in_words_and_exits_with_1(tmp_path: Path) -> None:
    failed = run("migrate", "--database-url", f"host={tmp_path} dbname=nothing")

    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert str(tmp_path) in failed.stderr.replace("\n", "")


def test_a_variable_that_is_no_setting_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLABCAMPUS_COMAND_RATE", "7")
    told = run("migrate", "--database-url", f"host={tmp_path} dbname=nothing")

    assert told.stderr.splitlines()[0] == "warning: no such setting: COLLABCAMPUS_COMAND_RATE"


def test_an_address_that_is_taken_is_said_in_words_and_postgres_is_stopped(tmp_path: Path) -> None:
    data = tmp_path / "data"
    try:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            failed = run("serve", "--port", str(taken.getsockname()[1]), "--data", data)

        assert failed.returncode == 1
        assert "cannot listen on 127.0.0.1 port" in failed.stderr
        assert "Traceback" not in failed.stderr
        assert not list((data / "postgres").glob("*/postmaster.pid"))
    finally:
        remove_cluster(data)


def test_a_weak_secret_is_refused_in_words(module_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLABCAMPUS_SECRET", "short")
    failed = run("serve", "--port", "0", "--database-url", module_database_url)

    assert failed.returncode == 2
    assert "32 bytes" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_demo_fills_the_database_and_its_tokens_work(server: Server, module_database_url: str) -> None:
    told = run(
        "demo", "--users", "3", "--projects", "2", "--tasks", "4", "--json", "--database-url", module_database_url
    )
    made = json.loads(told.stdout)

    assert [len(made["users"]), len(made["projects"])] == [3, 2]
    for user in made["users"]:
        for project in made["projects"]:
            bearer = {"Authorization": f"Bearer {user['token']}"}
            board = httpx.get(f"{server.url}/api/projects/{project['projectId']}/board", headers=bearer).json()
            assert [each["taskId"] for each in board["tasks"]] == project["taskIds"]
            assert {each["status"] for each in board["tasks"]} == {"todo"}
            assert sorted(each["role"] for each in board["members"]) == ["editor", "editor", "owner"]


def test_a_person_added_can_sign_in(server: Server, module_database_url: str) -> None:
    added = run(
        "user", "add", "dan@example.org", "Dan", "--password-stdin", "--database-url", module_database_url,
        given="a long enough password\nand what is not read\n",
    )  # fmt: skip
    answer = httpx.post(f"{server.url}/login", json={"email": "dan@example.org", "pwd": "a long enough password"})

    nobody = run("user", "add", "eve@example.org", "Eve", "--database-url", module_database_url)
    assert (nobody.returncode, "--password-stdin" in nobody.stderr) == (2, True)
    assert answer.json()["user"]["id"] == added.stdout.strip()
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert httpx.get(f"{server.url}/me", headers=bearer).json()["verified"] is True, "the operator knows"
    again = run("user", "add", "dan@example.org", "Dan", "--password", "short", "--database-url", module_database_url)
    assert (again.returncode, "weak_password" in again.stderr) == (1, True)


def test_the_audit_exits_with_1_where_something_does_not_hold(module_database_url: str) -> None:
    assert run("demo", "--database-url", module_database_url).returncode == 0
    holds = run("audit", "--json", "--database-url", module_database_url)
    told = json.loads(holds.stdout)
    assert (holds.returncode, told["holds"], told["findings"], told["redacted"]) == (0, True, [], 0)
    assert (told["projects"] >= 1, told["events"] >= 12, "events/s" in holds.stderr) == (True, True, True)

    with psycopg.connect(module_database_url, autocommit=True) as owner:
        owner.execute("DELETE FROM board WHERE (project_id, key) IN (SELECT project_id, key FROM board LIMIT 1)")
    broken = run("audit", "--json", "--database-url", module_database_url)
    assert broken.returncode == 1
    assert [each["check"] for each in json.loads(broken.stdout)["findings"]] == ["fold board", "projection board"]

    assert run("rebuild", "board", "board", "--database-url", module_database_url).stdout == "board\n"
    assert run("audit", "--database-url", module_database_url).stdout == "it holds\n"
    assert run("rebuild", "nonsense", "--database-url", module_database_url).returncode == 2
    assert run("migrate", "--database-url", module_database_url).stdout == "nothing to do\n"


def test_the_server_starts_with_a_demo_project_and_keeps_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    try:
        for _ in range(2):
            with Server("--demo", "--data", str(data)) as server:
                login = {"email": "demo@collabcampus.example", "pwd": "campus demo 2026"}
                token = httpx.post(f"{server.url}/login", json=login).json()["token"]
                bearer = {"Authorization": f"Bearer {token}"}
                (project,) = httpx.get(f"{server.url}/api/projects", headers=bearer).json()["items"]
                assert (project["name"], project["position"]) == ("Term project", 7)
    finally:
        remove_cluster(data)
