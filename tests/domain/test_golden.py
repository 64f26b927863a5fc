"""Events of an old shape are read for ever: bytes that some version stored, and what they mean.

`golden/stored.ndjson` has one line a type and shape, oldest first. Lines are added, by hand, for a new type and for a
new shape of an old one; none is ever changed or made again with another encoder, since the logs of users are not
made again either.
"""

import hashlib
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from collabcampus.domain import events as e
from collabcampus.domain import project
from collabcampus.domain.events.upcasting import UPCASTERS
from domain.test_events import STORED

LINES = (Path(__file__).parent / "golden" / "stored.ndjson").read_bytes().splitlines(keepends=True)
UNCHANGED = 56, "46cbfcc81fc1efe35b3d0cb2c4e1bf949287c675aab2724e1173a44d4f17c670"
"""So many lines, and the digest of these: raise both together with a line that is added at the end."""


class Stored(Struct, forbid_unknown_fields=True):
    """A line: the stored bytes, and every value that they mean today, those that were left out among them."""

    type: str
    data: str
    means: msgspec.Raw


GOLDEN = [msgspec.json.decode(line, type=Stored) for line in LINES]


@pytest.mark.parametrize("stored", GOLDEN, ids=lambda stored: stored.type)
def test_what_was_ever_stored_is_read_and_means_what_it_meant(stored: Stored) -> None:
    read = msgspec.json.decode(e.encode_event(e.decode_event(stored.type, stored.data)))
    means = msgspec.json.decode(stored.means)

    assert means == {name: read.get(name) for name in means}


def test_no_line_is_ever_changed() -> None:
    count, digest = UNCHANGED

    assert digest == hashlib.sha256(b"".join(LINES[:count])).hexdigest()
    assert len(LINES) == count, "a line was added: raise both"


def test_every_type_and_every_shape_of_today_has_golden_bytes() -> None:
    golden = {(each.type, each.data) for each in GOLDEN}

    assert {type_name for type_name, _ in golden} == set(e.EVENT_TYPES), "a new type: add what is stored of it"
    assert {(type(event).__name__, data) for event, data in STORED} <= golden, "a new shape: add what is stored of it"


def test_a_shape_that_today_refuses_is_read_by_its_upcaster_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    old, wrong = '{"taskId":"t","column":"done","rank":"a1"}', '{"taskId":"t"}'
    with pytest.raises(msgspec.ValidationError):
        e.decode_event("TaskMoved", old)

    monkeypatch.setitem(UPCASTERS, "TaskMoved", lambda stored: {"status": stored.get("column"), **stored})

    assert e.TaskMoved("t", "done", "a1") == e.decode_event("TaskMoved", old)
    assert e.TaskMoved("t", "done", "a1") == e.decode_event("TaskMoved", '{"taskId":"t","status":"done","rank":"a1"}')
    with pytest.raises(msgspec.ValidationError):
        e.decode_event("TaskMoved", wrong)


def test_a_new_type_raises_the_folds_version() -> None:
    assert (project.FOLD_VERSION, len(e.EVENT_TYPES)) == (4, 38), "no node loads a state beyond what it knows"
