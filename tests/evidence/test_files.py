"""A file is there whole or not at all, and stays what it was."""

import stat
from pathlib import Path

import pytest

from collabcampus.evidence.files import write_new


def test_a_file_is_written_once_and_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "note"
    write_new(file, "first\r\n", mode=0o444)
    with pytest.raises(FileExistsError):
        write_new(file, "second", mode=0o444)

    assert file.read_bytes() == b"first\r\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
    assert list(tmp_path.iterdir()) == [file]
