"""The checker of `scripts/storm` finds every fault that is planted in a history, and none in a right one."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from collabcampus.domain import events as e
from collabcampus.domain.project import initial, merge
from collabcampus.live import views
from collabcampus.sockets import frames
from storm.history import ASKED, JOINED, LEFT, Heard, Item, Log, check

PROJECT = "11111111-1111-4111-8111-111111111111"
OWNER, MEMBER, TASK, COMMAND = (f"{digit * 8}-2222-4222-8222-222222222222" for digit in "2345")
AT = "2026-01-01T00:00:00.000Z"
JOINS_AT, RESUMES_AFTER, REMOVED_AT, LAST = 5, 3, 12, 15

Stream = list[Heard]


def recorded() -> list[e.Recorded]:
    """A short life of a project: somebody comes, tasks are edited, that somebody is removed, and it goes on."""
    edits = [e.TaskEdited(TASK, title=f"Task {number}") for number in range(4, LAST + 1)]
    events: list[e.Event] = [
        e.ProjectCreated(PROJECT, "Garden", "", (e.Column("todo", "To do"),)),
        e.MemberAdded(OWNER, "owner"),
        e.MemberAdded(MEMBER, "editor"),
        e.TaskCreated(TASK, "Dig", "", "todo", "a0"),
        e.MessageSent(COMMAND, "Hello"),
        *edits[:6],
        e.MemberRemoved(MEMBER),
        *edits[6:9],
    ]
    return list(e.record(PROJECT, 0, OWNER, COMMAND, AT, events))


RECORDED = recorded()


def log(*, without: int | None = None, actor: tuple[int, str] | None = None, role: str = "editor") -> Log:
    items = []
    for each in RECORDED:
        who = actor[1] if actor and actor[0] == each.position else each.actor
        data = msgspec.Raw(each.data.replace(b"editor", role.encode()))
        items.append(Item(PROJECT, each.position, each.type, each.event.key, data, who, AT, COMMAND))
    return Log([each for each in items if each.position != without])


def frame(position: int) -> Heard:
    name, payload = frames.of_event(RECORDED[position - 1])
    return Heard(name, position, payload.encode())


def snapshot(position: int, *, shows: int | None = None) -> Heard:
    state = initial(PROJECT)
    merge(state, RECORDED[: shows or position])
    board = msgspec.json.decode(views.board(state, {OWNER: "Alice"}))
    joined = {
        "position": position,
        "board": {**board, "position": position},
        "messages": views.latest_messages(state),
    }
    return Heard(JOINED, position, msgspec.json.encode(joined))


def resumed(after: int, position: int) -> Heard:
    events = frames.missed(RECORDED[after:position]).decode()
    return Heard(JOINED, position, f'{{"position":{position},"events":{events}}}'.encode())


def left(reason: str) -> Heard:
    return Heard(LEFT, None, msgspec.json.encode({"projectId": PROJECT, "reason": reason}))


def stream() -> Stream:
    """Joined, left, resumed, and removed."""
    return [
        Heard(ASKED, None, b""), snapshot(JOINS_AT), *map(frame, (6, 7, 8)), left("left"),
        Heard(ASKED, RESUMES_AFTER, b""), resumed(RESUMES_AFTER, 9), *map(frame, (10, 11, 12)), left("removed"),
    ]  # fmt: skip


def with_one(position: int, *instead: Heard) -> Callable[[Stream], Stream]:
    """The stream with other things in a frame's place."""

    def plant(stream: Stream) -> Stream:
        return [new for each in stream for new in (instead if each == frame(position) else (each,))]

    return plant


_OTHER = Heard("task_updated", 7, frame(7).payload.replace(b"Task", b"Tusk"))
_RENAMED = Heard("project_updated", 7, frame(7).payload)

PLANTED: dict[str, tuple[Callable[[Stream], Stream], str]] = {
    "a gap": (with_one(7), "gap: 8 after 6"),
    "a gap after resuming": (with_one(10), "gap: 11 after 9"),
    "a double": (with_one(7, frame(7), frame(7)), "doubled: 7"),
    "a swap": (with_one(7, frame(8), frame(7)), "swapped: 7 after 8"),
    "a frame the snapshot has": (with_one(6, frame(5), frame(6)), "swapped: 5 after 5"),
    "another content": (with_one(7, _OTHER), "altered: 7"),
    "another name": (with_one(7, _RENAMED), "altered: 7"),
    "a frame above the removal": (with_one(12, frame(12), frame(13)), "heard 13, above 12"),
    "a frame after being sent out": (lambda each: [*each, frame(13)], "heard 13 outside"),
    "sent out too early": (with_one(12), "removed at 12, and the last it heard was 11"),
    "let in after the removal": (lambda each: [*each, snapshot(13)], "let in at 13"),
    "let in at the removal itself": (lambda each: [*each, snapshot(12)], "let in at 12"),
    "an older snapshot": (lambda each: [each[0], snapshot(JOINS_AT, shows=4), *each[2:]], "snapshot at 5"),
    "a newer snapshot": (lambda each: [each[0], snapshot(JOINS_AT, shows=6), *each[2:]], "snapshot at 5"),
    "resumed with a gap": (lambda each: [*each[:7], resumed(4, 9), *each[8:]], "resumed after 4, and 3"),
    "resumed with too much": (lambda each: [*each[:7], resumed(2, 9), *each[8:]], "resumed after 2"),
    "resumed with other words": (
        lambda each: [*each[:7], Heard(JOINED, 9, each[7].payload.replace(b"Task 5", b"Tusk 5")), *each[8:]],
        "resumed with something else than the log has at 7",
    ),
}  # fmt: skip


def found(planted: Stream, **options: Any) -> list[str]:
    return check(log(), "socket", MEMBER, planted, **options)


def test_nothing_is_found_in_a_right_history() -> None:
    assert found(stream()) == []


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault: str) -> None:
    plant, words = PLANTED[fault]
    planted = plant(stream())
    assert planted != stream(), "it was planted"

    assert [each for each in found(planted) if words in each], found(planted)


def test_who_is_there_still_has_to_have_heard_everything() -> None:
    staying = [Heard(ASKED, None, b""), snapshot(JOINS_AT), *map(frame, range(6, LAST))]

    assert check(log(), "socket", OWNER, [*staying, frame(LAST)], until=LAST) == []
    assert check(log(), "socket", OWNER, staying, until=LAST) == ["socket: lost: it did not hear all up to 15"]


def test_a_hole_in_the_log_is_found() -> None:
    assert log(without=7).findings == ["the log has 8 where 7 should be"]


def test_what_a_removed_member_wrote_is_found() -> None:
    assert log(actor=(REMOVED_AT - 1, MEMBER)).findings == []
    assert log(actor=(REMOVED_AT + 1, MEMBER)).findings == ["position 13 was written by who was no member"]


def test_what_a_viewer_wrote_is_found() -> None:
    assert log(actor=(7, MEMBER), role="viewer").findings == ["position 7 was written by a viewer"]
