"""The command line's reports."""

import csv
import io
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from subprocess import CompletedProcess, run

from running import COLLABCAMPUS, Person, Server

REPORT_WITHIN_S = 60


def report(database_url: str, *arguments: str) -> "CompletedProcess[str]":
    return run(
        [str(COLLABCAMPUS), "report", *arguments, "--database-url", database_url],
        capture_output=True, text=True, timeout=REPORT_WITHIN_S, check=False,
    )  # fmt: skip


def test_a_report_is_a_table_json_csv_and_a_plot(server: Server, module_database_url: str, tmp_path: Path) -> None:
    owner = Person(server.url, "Owner")
    project = owner.project()
    for title in ("Dig", "Sow & <reap>"):
        task = owner.task(project, title)
        owner.http.put(f"/api/tasks/{task}", json={"status": "done"}).raise_for_status()
    plot = tmp_path / "cycle.svg"

    shown = report(module_database_url, project, "cycle-time", "--json", "--plot", str(plot))
    table = report(module_database_url, project, "contributions")
    lines = report(module_database_url, project, "throughput", "--csv")

    assert [each["title"] for each in json.loads(shown.stdout)["items"]] == ["Dig", "Sow & <reap>"], shown.stderr
    assert "Owner" in table.stdout.splitlines()[1].split("\t")
    assert [(each["created"], each["done"]) for each in csv.DictReader(io.StringIO(lines.stdout))] == [("2", "2")]
    texts = [each.text for each in ElementTree.parse(plot).iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "cycle-time: cycleDays"
    assert {"Dig", "Sow & <reap>"} <= set(texts)


def test_what_is_wrong_is_said(server: Server, module_database_url: str) -> None:
    nowhere = "00000000-0000-4000-8000-000000000000"

    assert report(module_database_url, nowhere, "throughput").returncode == 1
    assert report(module_database_url, nowhere, "weather").returncode == 2
    assert report(module_database_url, nowhere, "throughput", "--from", "yesterday").returncode == 2
    assert report(module_database_url, nowhere, "throughput", "--csv", "--json").returncode == 2
