"""What the documents show works as it is shown."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Server
from test_seven_steps import JS, needs_node

ROOT = Path(__file__).parents[1]
SHOWN_ADDRESS = "http://127.0.0.1:8000"


def blocks(document: str, language: str) -> list[str]:
    """The code blocks of a document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def demo(database_url: str) -> Iterator[Server]:
    with Server("--demo", "--database-url", database_url) as server:
        yield server


@needs_node
def test_the_readmes_seven_steps_run_as_they_stand(demo: Server, tmp_path: Path) -> None:
    (code,) = blocks("README.md", "js")
    assert SHOWN_ADDRESS in code
    (tmp_path / "node_modules").symlink_to(JS / "node_modules")
    script = tmp_path / "steps.mjs"
    script.write_text(code.replace(SHOWN_ADDRESS, demo.url))

    done = subprocess.run(["node", str(script)], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Connected! Demo Student"
    assert lines[1].startswith("Term project: 5 tasks, 1 member")
    assert lines[-2:] == ["done", "Done!"]


def test_every_command_that_is_shown_exists() -> None:
    for document in ("README.md", "docs/performance.md"):
        for block in blocks(document, "sh"):
            for line in block.splitlines():
                assert shutil.which(str(ROOT / line.split()[0])), f"{document}: {line}"


def test_every_link_leads_somewhere() -> None:
    for document in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        *(ROOT / "docs").glob("*.md"),
    ]:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
