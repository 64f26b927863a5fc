"""The verification of an export: whatever was done to the file, it is refused at the line where it shows."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from collabcampus.log import lines
from collabcampus.log.database import Database
from collabcampus.log.export import Counts, export
from collabcampus.log.importing import import_file
from collabcampus.log.verified import Damaged, batches
from log.exported import elsewhere, everything, held

pytestmark = pytest.mark.anyio

Text = list[bytes]


def closed_anew(text: Text) -> Text:
    """The lines with a footer that fits: whoever changes a file can count, too."""
    counts = Counts()
    counts.count(b"".join(text[:-1]))
    return [*text[:-1], lines.encode(counts.footer)]


def nth(text: Text, kind: type[lines.Line], number: int = 1) -> int:
    """The index of one of the lines of a kind."""
    return [n for n, line in enumerate(text) if isinstance(lines.decode(line), kind)][number]


def with_event(text: Text, **changes: object) -> Text:
    at = nth(text, lines.Event, 5)
    event = lines.decode(text[at])
    return [*text[:at], lines.encode(msgspec.structs.replace(event, **changes)), *text[at + 1 :]]


def with_rehashed_data(text: Text) -> Text:
    at = nth(text, lines.Event, 5)
    event = lines.decode(text[at])
    assert isinstance(event, lines.Event)
    assert event.salt
    data = event.data.replace(":", ": ", 1)
    return with_event(text, data=data, digest=hashlib.sha256(event.salt + data.encode()).digest())


def without(text: Text, kind: type[lines.Line], number: int = 1) -> Text:
    at = nth(text, kind, number)
    return [*text[:at], *text[at + 1 :]]


def swapped(text: Text) -> Text:
    one, other = nth(text, lines.Event, 5), nth(text, lines.Event, 6)
    text = list(text)
    text[one], text[other] = text[other], text[one]
    return text


def without_the_last_event(text: Text) -> Text:
    """Of the last project, with what answers it."""
    at = nth(text, lines.Event, -1)
    return [*text[:at], text[-1]]


DAMAGE: dict[str, tuple[Callable[[Text], Text], str]] = {
    "a changed byte of data": (lambda t: with_event(t, data="{}"), "are not what was stored"),
    "data with a digest that fits": (with_rehashed_data, "is not what its hash is of"),
    "another actor": (lambda t: with_event(t, actor="0" * 8 + "-0000-0000-0000-" + "0" * 12), "its hash is of"),
    "another time": (lambda t: with_event(t, at="2026-11-24T12:00:00.001Z"), "is not what its hash is of"),
    "another key": (lambda t: with_event(t, key="other"), "is not what its hash is of"),
    "another type": (lambda t: with_event(t, type="MessageSent"), "is not what its hash is of"),
    "a time that is none": (lambda t: with_event(t, at="2026-13-24T12:00:00.001Z"), "month must be"),
    "a time that is too exact": (lambda t: with_event(t, at="2026-11-24T12:00:00.0001Z"), "no line of an export"),
    "a missing event": (lambda t: without(t, lines.Event, 5), "the command is not of position 5"),
    "swapped events": (swapped, "does not follow"),
    "a missing command": (lambda t: without(t, lines.Command, 3), "did not make the events"),
    "a missing last command": (lambda t: without(t, lines.Command, -1), "has no command"),
    "a missing project": (lambda t: without(t, lines.Project, 1), "does not follow"),
    "a last event less": (without_the_last_event, "ends at"),
    "a line that is none": (lambda t: [t[0], b"nonsense\n", *t[1:]], "no line of an export"),
    "no header": (lambda t: t[1:], "does not belong there"),
    "another form": (lambda t: [lines.encode(lines.Header(3)), *t[1:]], "form 3 is not known"),
    "a doubled event": (lambda t: [*t[:4], t[3], *t[4:]], "does not follow"),
}


async def written(database: Database, folder: Path) -> Text:
    await everything(database, 2)
    await export(database.conninfo, folder / "log")
    return (folder / "log").read_bytes().splitlines(keepends=True)


async def test_what_was_done_to_a_file_is_found_at_its_line_and_nothing_is_taken_in(
    database: Database, cluster: str, tmp_path: Path
) -> None:
    whole = await written(database, tmp_path)
    file = tmp_path / "log"
    with elsewhere(cluster) as other:
        empty = held(other)
        for damage, (how, found) in DAMAGE.items():
            for close in (closed_anew, list):
                file.write_bytes(b"".join(close(how(whole))))
                with pytest.raises(Damaged, match=found):
                    await import_file(other, file)
                assert held(other) == empty, damage


async def test_a_changed_answer_is_found_by_the_digest_of_the_whole(database: Database, tmp_path: Path) -> None:
    text = await written(database, tmp_path)
    at = nth(text, lines.Command)
    text[at] = lines.encode(msgspec.structs.replace(lines.decode(text[at]), digest=b"other"))
    (tmp_path / "log").write_bytes(b"".join(text))

    with pytest.raises(Damaged, match="does not hold what its last line says"):
        list(batches(tmp_path / "log"))


async def test_a_file_cut_short_anywhere_is_refused(database: Database, tmp_path: Path) -> None:
    whole = b"".join(await written(database, tmp_path))
    for length in (*range(0, len(whole), len(whole) // 40), len(whole) - 1):
        (tmp_path / "log").write_bytes(whole[:length])
        with pytest.raises(Damaged, match="cut short"):
            list(batches(tmp_path / "log"))


async def test_what_follows_the_end_is_refused(database: Database, tmp_path: Path) -> None:
    whole = await written(database, tmp_path)
    (tmp_path / "log").write_bytes(b"".join([*whole, whole[-1]]))
    with pytest.raises(Damaged, match=f"line {len(whole) + 1}: it does not belong there"):
        list(batches(tmp_path / "log"))
