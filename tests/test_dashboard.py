"""The dashboard and the alerts ask for nothing that there is not, and the manual tells of all that there is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from collabcampus.identity.security_log import KINDS
from collabcampus.log.append import Outcome
from collabcampus.telemetry.gathering import Told, merged
from collabcampus.telemetry.gauges import Gauges
from collabcampus.telemetry.metrics import FATES, REGISTRY

ROOT = Path(__file__).parents[1]
BOARD = ROOT / "deploy" / "grafana" / "collabcampus.json"
ALERTS = ROOT / "deploy" / "prometheus" / "collabcampus.rules.yml"
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
OF_PROMETHEUS = {"up"}
VALUES = {"kind": KINDS, "outcome": set(FATES), "origin": {"here", "elsewhere"}}


def families() -> dict[str, str]:
    """The kind of every metric of ours and of the process, by name."""
    found = [*REGISTRY.collect(), *Gauges(dict).describe(), *merged([("0", Told(None, []))])]
    return {each.name: each.type for each in found}


SERIES = {name + suffix for name, kind in families().items() for suffix in SUFFIXES[kind]} | OF_PROMETHEUS


def queries() -> Iterator[tuple[str, str]]:
    """What each panel and each alert asks, by its name."""
    for panel in json.loads(BOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


def rules() -> list[dict[str, Any]]:
    """The alerts."""
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


QUERIES = dict(queries())


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_names_series_and_values_that_there_are(name: str) -> None:
    query = QUERIES[name]
    asked = set(re.findall(r"\b([a-z_]+)(?=\{|\[| [=<>]| *$)", re.sub(r'"[^"]*"', "", query)))

    assert asked & SERIES
    assert not set(re.findall(r"\b(?:collabcampus|process|python)_\w+", query)) - SERIES
    assert query.count("(") == query.count(")")
    for label, values in re.findall(r'(\w+)(?:=~?|!=)"([^"$]*)"', query):
        if label in VALUES:
            assert set(values.split("|")) <= VALUES[label]


def test_all_that_is_measured_is_in_the_manual_and_nothing_else() -> None:
    manual = (ROOT / "docs" / "operating.md").read_text()
    told = set(re.findall(r"^\| `(collabcampus_\w+)`", manual, re.MULTILINE))

    assert told == {name + SUFFIXES[kind][0].replace("_bucket", "") for name, kind in families().items()
                    if name.startswith("collabcampus_")}  # fmt: skip


def test_each_alert_is_explained() -> None:
    manual = (ROOT / "docs" / "operating.md").read_text()

    assert {rule["alert"] for rule in rules()} == set(re.findall(r"^\| `(CollabCampus\w+)`", manual, re.MULTILINE))


def test_every_outcome_of_an_append_is_counted_from_the_start() -> None:
    assert set(get_args(Outcome)) <= set(FATES)


def test_panels_do_not_overlap_and_have_names_of_their_own() -> None:
    panels = json.loads(BOARD.read_text())["panels"]

    assert len({each["title"] for each in panels}) == len(panels) == len({each["id"] for each in panels})
    assert len({(each["gridPos"]["x"], each["gridPos"]["y"]) for each in panels}) == len(panels)
