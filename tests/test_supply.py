"""What a server is made of: the bill of materials names all of it, and versions are no lower than is promised."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {
    "app.txt": PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["build"],
    "dev.txt": PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"],
}


def locked(name: str) -> dict[str, Version]:
    """Versions by package."""
    found = re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): Version(version) for package, version in found}


@pytest.mark.parametrize("lock", LOCKS)
def test_no_locked_version_is_below_its_floor_and_none_is_forgotten(lock: str) -> None:
    versions = locked(lock)
    for each in map(Requirement, LOCKS[lock]):
        assert each.specifier, f"{each.name} has no floor"
        name = canonicalize_name(each.name)
        assert name in versions, f"{name} is not locked: scripts/lock"
        assert each.specifier.contains(versions[name]), f"{each} and {versions[name]}"


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `scripts/sbom` writes: its own command, in this environment."""
    file = tmp_path_factory.mktemp("sbom") / "sbom.json"
    script = (ROOT / "scripts" / "sbom").read_text()
    (command,) = re.findall(r'^"\$venv/bin/cyclonedx-py" ((?:.*\\\n)*.*)$', script, re.MULTILINE)
    words = shlex.split(command.replace("\\\n", " ").replace("$root", str(ROOT)).replace("$file", str(file)))
    subprocess.run([sys.executable, "-m", "cyclonedx_py", *words], check=True, capture_output=True, timeout=60)
    return file.read_text()


def test_the_bill_of_materials_is_valid(bill: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill.replace('"library"', '"nonsense"')) is not None


def test_the_bill_of_materials_lists_every_locked_package_with_its_hashes(bill: str) -> None:
    made: dict[str, Any] = json.loads(bill)
    listed = {canonicalize_name(each["name"]): each for each in made["components"]}

    assert {name: Version(each["version"]) for name, each in listed.items()} == locked("app.txt")
    assert all(each["purl"].startswith("pkg:") for each in listed.values())
    assert all(each["externalReferences"][0]["hashes"] for each in listed.values())
    assert made["metadata"]["component"]["name"] == "collabcampus"
