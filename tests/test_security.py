"""Each promise of docs/security.md has a test, and the test is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def promises() -> dict[str, list[tuple[str, str]]]:
    """The tests that hold each promise."""
    document = (ROOT / "docs" / "security.md").read_text().partition("## What holds it")[2]
    rows = re.findall(r"^\| (?!promise|---)(.*?) \| (.*?) \|$", document, re.MULTILINE)
    return {promise: NAMED.findall(tests) for promise, tests in rows}


def test_every_promise_names_tests_that_exist() -> None:
    assert len(promises()) > 30
    for promise, tests in promises().items():
        assert tests, f"nothing holds: {promise}"
        for file, name in tests:
            tree = ast.parse((ROOT / "tests" / file).read_text())
            there = {each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
            assert name in there, f"{file} has no {name}"
