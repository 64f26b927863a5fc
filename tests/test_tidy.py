"""Style as law: what the tree itself must keep to."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_FUNCTION = 60
LONGEST_FILE = 400
SOURCED = {"environment"}


def files(*globs: str) -> list[Path]:
    return sorted(each for glob in globs for each in ROOT.glob(glob) if each.is_file())


def tracked() -> Iterator[tuple[Path, str]]:
    """Every text file that git has, or would have."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            yield ROOT / name, (ROOT / name).read_text(errors="replace")


def test_functions_and_files_are_short() -> None:
    for file in files("src/**/*.py"):
        text = file.read_text()
        assert text.count("\n") <= LONGEST_FILE, file
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno, node.name
                assert node.end_lineno - node.lineno < LONGEST_FUNCTION, f"{file}: {node.name}"


def test_every_module_says_what_it_is_and_every_public_thing_what_it_does() -> None:
    for file in files("src/**/*.py"):
        tree = ast.parse(file.read_text())
        assert ast.get_docstring(tree), file
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.name.startswith("_") or ast.get_docstring(node), f"{file}: {node.name}"


def test_tests_mirror_the_source_by_name() -> None:
    for file in files("tests/*/**/test_*.py"):
        room, name = file.parent.relative_to(ROOT / "tests"), file.stem.removeprefix("test_")
        mirrored = ROOT / "src" / "collabcampus" / room / name
        assert mirrored.with_suffix(".py").is_file() or (mirrored / "__init__.py").is_file() or name in {
            room.name, "projections", "api", "conformance", "fuzz", "golden", "newer", "tamper",
        }, f"{file} mirrors nothing"  # fmt: skip


def test_no_file_names_a_registry_or_a_path_of_a_machine() -> None:
    registry = re.compile("|".join(["pythonhos" + "ted", "py" + r"pi\.org", "registry" + r"\.npm"]))
    roots = "|".join(["wo" + "rk", "fa" + "rm", "ho" + "me", "Us" + "ers"])
    machine = re.compile(rf"(?<![\w.$}}])/({roots})/\w")
    for file, text in tracked():
        assert not registry.search(text), file
        assert not machine.search(text), file


def test_locks_pin_hashes_and_name_no_index() -> None:
    for file in files("requirements/*.txt"):
        text = file.read_text()
        assert not re.search(r"^\s*-(?!-hash=)|://", text, re.MULTILINE), f"{file} names an index"
        assert "--hash=sha256:" in text
    assert '"resolved"' not in (ROOT / "tests" / "js" / "package-lock.json").read_text()


def test_nothing_is_left_to_do() -> None:
    marks = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]))
    for file, text in tracked():
        assert file.suffix in {".json", ".txt", ".csv"} or not marks.search(text), file


@pytest.mark.parametrize(
    "script", [each for each in files("scripts/*", ".ci/run") if each.name not in SOURCED], ids=lambda s: s.name
)
def test_a_script_says_how_it_is_used(script: Path) -> None:
    done = subprocess.run([str(script), "--help"], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0
    assert "usage:" in done.stdout.lower()
