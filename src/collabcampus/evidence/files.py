"""Files that are there whole or not at all, and never replaced."""

import os
import tempfile
from pathlib import Path


def write_new(file: Path, text: str, *, mode: int) -> None:
    """Write a file that outlasts a power cut. FileExistsError where there is one: it stays as it is."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as written:
            written.write(text)
            written.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        file.hardlink_to(temporary)  # a rename would replace what is there
    finally:
        temporary.unlink()
    _sync(file.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
