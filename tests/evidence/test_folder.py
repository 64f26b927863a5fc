"""Checkpoints lie in a folder by their times, each following the one before it."""

from pathlib import Path

from collabcampus.app import fresh_id
from collabcampus.evidence.checkpoint import Leaf, parse
from collabcampus.evidence.folder import Folder, unsigned
from collabcampus.evidence.signing import PrivateKey, opened

KEY = PrivateKey("collabcampus/1", bytes(32))
NOW = "2026-11-27T15:00:00.000Z"


def heads(position: int) -> list[Leaf]:
    return [Leaf(fresh_id(), position, bytes(32))]


def test_each_follows_the_one_before_it_and_never_goes_back_in_time(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "checkpoints")
    leaves = heads(1)

    assert folder.newest() is None
    assert folder.add([], KEY, NOW) is None
    assert folder.add(leaves, KEY, NOW) == "20261127T150000.000Z"
    assert folder.add(leaves, KEY, "2026-11-27T16:00:00.000Z") is None
    second = folder.add(heads(2), KEY, "2026-11-27T14:59:00.000Z")
    assert second == "20261127T150000.001Z"

    first, note = folder.names()[0], folder.note(second)
    assert folder.names() == [first, second]
    assert folder.leaves(first) == leaves
    assert parse(opened(note, [KEY.public])).previous == parse(unsigned(folder.note(first))).digest
    assert folder.newest() == parse(opened(note, [KEY.public]))


def test_one_that_is_damaged_does_not_keep_the_next_from_being_written(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    name = folder.add(heads(1), KEY, NOW)
    file = tmp_path / f"{name}.checkpoint"
    file.unlink()
    file.write_text("cut")

    assert folder.newest() is None
    assert folder.add(heads(2), KEY, "2026-11-27T16:00:00.000Z") == "20261127T160000.000Z"
