"""The examples in deploy/: what can be checked of them without running them. HAProxy's is run by test_balancer."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from collabcampus.settings import Settings, unknown

DEPLOY = Path(__file__).parents[1] / "deploy"
FILES = sorted(each for each in DEPLOY.rglob("*") if each.is_file())
ANALYZE = shutil.which("systemd-analyze")


@pytest.mark.parametrize("file", FILES, ids=lambda each: each.name)
def test_every_setting_of_an_example_is_one(file: Path) -> None:
    named = set(re.findall(r"COLLABCAMPUS_[A-Z_]+", file.read_text()))

    assert not unknown(dict.fromkeys(named, ""))


def test_a_node_has_longer_to_stop_than_it_needs() -> None:
    text = (DEPLOY / "systemd" / "collabcampus@.service").read_text() + (DEPLOY / "compose.yaml").read_text()

    for seconds in re.findall(r"(?:TimeoutStopSec=|stop_grace_period: )(\d+)", text):
        assert int(seconds) > 3 * Settings().drain_over


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze")
@pytest.mark.parametrize("file", sorted((DEPLOY / "systemd").iterdir()), ids=lambda each: each.name)
def test_systemd_takes_its_units(file: Path, tmp_path: Path) -> None:
    unit = tmp_path / file.name.replace("@", "@a")
    shutil.copy(file, unit)
    done = subprocess.run([str(ANALYZE), "verify", str(unit)], capture_output=True, text=True, timeout=30)

    assert (done.returncode, done.stderr) == (0, "")
