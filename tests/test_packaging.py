"""The wheel, and the wheel from the sdist, serve a project in an environment that knows no checkout."""

import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import remove_cluster
from running import Person, Server

ROOT = Path(__file__).parents[1]
STOPPED_WITHIN_S = 10
BUILT = ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "src", "schema", "projections")


def run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run([str(each) for each in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Built from a copy, so that the checkout stays clean."""
    source = tmp_path_factory.mktemp("source")
    for name in BUILT:
        kind = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        kind(ROOT / name, source / name)  # type: ignore[operator]
    build = [sys.executable, "-m", "build", "--no-isolation"]
    run(*build, "--wheel", "--outdir", "direct", cwd=source)
    run(*build, "--outdir", "from-sdist", cwd=source)
    return {name: next((source / name).glob("*.whl")) for name in ("direct", "from-sdist")}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the locked packages alone, from the package index: this needs the network."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=False)
    run(*pip(folder), "--require-hashes", "--requirement", ROOT / "requirements" / "app.txt", cwd=folder)
    return folder


def pip(environment: Path) -> list[str | Path]:
    """This environment's pip at work in another: Debian's Python cannot give the other one its own."""
    python = environment / "bin" / "python"
    return [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install", "--quiet"]


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    remove_cluster(folder)


def test_both_wheels_hold_the_same_files_with_the_sql_and_without_the_tests(wheels: dict[str, Path]) -> None:
    names = {how: sorted(zipfile.ZipFile(wheel).namelist()) for how, wheel in wheels.items()}

    assert names["direct"] == names["from-sdist"]
    for folder in ("schema", "projections"):
        ours = [f"collabcampus/{folder}/{each.name}" for each in sorted((ROOT / folder).glob("*.sql"))]
        assert ours
        assert set(ours) <= set(names["direct"])
    assert not [each for each in names["direct"] if "test" in each or each.endswith(".mjs")]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["direct", "from-sdist"])
def test_a_wheel_installed_elsewhere_serves_a_project(
    wheels: dict[str, Path], fresh: Path, data: Path, how: str
) -> None:
    run(*pip(fresh), "--no-deps", "--force-reinstall", wheels[how], cwd=fresh)

    command = fresh / "bin" / "collabcampus"
    with Server("--data", str(data), command=command, PYTHONPATH="", DATABASE_URL="") as server:
        person = Person(server.url, "Alice")
        project_id = person.project()
        board = person.http.get(f"/api/projects/{project_id}/board").json()
        assert [each["id"] for each in board["columns"]] == ["todo", "in-progress", "done"]
        assert server.process
        server.process.terminate()
        assert server.process.wait(STOPPED_WITHIN_S) == 0
