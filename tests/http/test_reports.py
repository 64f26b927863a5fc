"""Reports over HTTP."""

import csv
import io

import pytest

from answering import problem
from running import Person
from world import World


def test_members_read_how_the_work_went(world: World, path: str, editor: Person, viewer: Person) -> None:
    editor.http.put(f"/api/tasks/{world.task}", json={"status": "done"}).raise_for_status()

    done = viewer.http.get(f"{path}/reports/cycle-time")
    people = viewer.http.get(f"{path}/reports/contributions").json()["items"]
    weeks = viewer.http.get(f"{path}/reports/throughput").json()["items"]
    columns = viewer.http.get(f"{path}/reports/time-in-column").json()["items"]

    assert [(each["taskId"], each["title"]) for each in done.json()["items"]] == [(world.task, "Dig")]
    assert done.headers["etag"] == f'"{done.json()["position"]}"'
    assert {each["name"]: each["done"] for each in people} == {"Owner": 0, "Editor": 1}
    assert [(each["created"], each["done"]) for each in weeks] == [(3, 1)]
    assert [each["column"] for each in columns] == ["todo", "in-progress", "done"]


def test_a_report_of_another_time_has_nothing(path: str, viewer: Person) -> None:
    for times in ({"to": "2020-01-01"}, {"from": "2099-01-01"}):
        assert viewer.http.get(f"{path}/reports/throughput", params=times).json()["items"] == []


def test_a_report_is_csv_where_that_is_accepted(world: World, path: str, editor: Person) -> None:
    editor.http.patch(f"/api/tasks/{world.task}", json={"title": '=1+1,"x"', "status": "done"}).raise_for_status()

    answer = editor.http.get(f"{path}/reports/cycle-time", headers={"Accept": "text/csv"})

    assert answer.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert row["title"] == '\'=1+1,"x"', "no spreadsheet takes it for a formula"


@pytest.mark.parametrize("times", [{"from": "yesterday"}, {"to": "2026-02-30"}])
def test_a_day_that_there_is_not_is_refused(path: str, viewer: Person, times: dict[str, str]) -> None:
    assert viewer.http.get(f"{path}/reports/throughput", params=times).status_code in {400, 422}


def test_a_report_that_there_is_not_names_those_that_there_are(path: str, viewer: Person) -> None:
    refused = viewer.http.get(f"{path}/reports/weather")

    assert problem(refused) == (404, "report_not_found")
    assert refused.json()["reports"] == ["time-in-column", "cycle-time", "throughput", "contributions"]


def test_nobody_else_reads_them(path: str, outsider: Person) -> None:
    assert problem(outsider.http.get(f"{path}/reports/throughput")) == (404, "project_not_found")
