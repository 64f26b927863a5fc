"""What clients heard, held against the log: nothing lost, doubled, swapped or altered, nothing beyond their right.

The log is the order, so a history is checked in one pass. Frames are told from their position and compared as the
contract has them, restated here and not taken from the server's own code.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from collabcampus.domain import events as e
from collabcampus.domain.project import initial, merge
from collabcampus.live import views

JOINED, LEFT, ASKED = "project_joined", "project_left", "join_project"
STREAMED = frozenset({"task_updated", "new_message", "member_updated", "project_updated"})
FINDINGS_A_CLIENT = 5
_STATUS_SET = {"TaskMoved", "TaskCreated", "TaskRestored"}
_WRITTEN_BY_VIEWERS = {"MemberRemoved", "InvitationAccepted"}
_decode = msgspec.json.decode
_resumed = msgspec.json.Decoder(list[Raw])


class Item(Struct, rename="camel"):
    """An event as `GET …/events` gives it."""

    project_id: str
    position: int
    type: str
    key: str
    data: Raw
    actor: str
    at: str
    command_id: str


class Heard(Struct):
    """An event a client was sent: its name, its position (a `project_left` has none), its payload. Or that it
    asked to join, after that position or for the whole board."""

    name: str
    position: int | None
    payload: bytes


class Visit(Struct):
    """What was heard from one `project_joined` to the next or to `project_left`; `joined` is None before the first.
    `after` is the position that the client asked to resume after."""

    joined: bytes | None
    after: int | None = None
    frames: list[Heard] = []
    reason: str | None = None


def visits(stream: Iterable[Heard]) -> Iterator[Visit]:
    """A client's stream of one project, visit by visit."""
    visit, after = Visit(None), None
    for heard in stream:
        if heard.name == ASKED:
            after = heard.position
        elif heard.name == JOINED:
            yield visit
            visit = Visit(heard.payload, after)
        elif heard.name == LEFT:
            visit.reason = _decode(heard.payload)["reason"]
            yield visit
            visit = Visit(None)
        else:
            visit.frames.append(heard)
    yield visit


class Log:
    """A project's history, what frames it makes, and who was a member when."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.findings: list[str] = []
        self._boards: dict[int, Any] = {}
        self._frames: dict[int, tuple[str, dict[str, Any]]] = {}
        self._known: dict[tuple[bool, int], bytes] = {}
        self._spans: dict[str, list[tuple[int, int | None]]] = {}
        self._ends: list[tuple[int, str]] = []
        self._read_through()

    @property
    def head(self) -> int:
        """The last position."""
        return len(self.items)

    def frame(self, position: int) -> tuple[str, dict[str, Any]]:
        """The name and the payload that the contract has for the event at a position."""
        if position not in self._frames:
            self._frames[position] = _as_frame(self.items[position - 1])
        return self._frames[position]

    def is_told(self, heard: Heard) -> bool:
        """Whether a frame is its position's."""
        assert heard.position is not None
        return self._is((heard.name, heard.payload), heard.position, resumed=False)

    def is_resumed(self, event: bytes, position: int) -> bool:
        """Whether an event of a resumed join is its position's."""
        return self._is(("", event), position, resumed=True)

    def _is(self, told: tuple[str, bytes], position: int, *, resumed: bool) -> bool:
        if not 1 <= position <= self.head:
            return False
        name, wanted = self.frame(position)
        if not resumed and told[0] != name:
            return False
        if self._known.get((resumed, position)) == told[1]:
            return True
        same: bool = _decode(told[1]) == ({**wanted, "event": name} if resumed else wanted)
        if same:
            self._known[resumed, position] = told[1]
        return same

    def fold(self, positions: Iterable[int]) -> None:
        """Make the boards at these positions, in one pass over the log."""
        project = initial(self.items[0].project_id)
        for position in sorted({each for each in positions if 1 <= each <= self.head} - self._boards.keys()):
            merge(project, [_recorded(each) for each in self.items[project.head : position]])
            messages = _decode(msgspec.json.encode(views.latest_messages(project)))
            self._boards[position] = _nameless(_decode(views.board(project, {}))), messages

    def shows(self, joined: dict[str, Any]) -> bool:
        """Whether a snapshot is the fold of the log up to its position."""
        board, messages = self._boards[joined["position"]]
        return (board, messages) == (_nameless(joined["board"]), joined["messages"])

    def may_hear(self, user_id: str, position: int) -> int | None:
        """The last position that somebody may hear who joins at this one; None where they may not join at all."""
        for since, until in self._spans.get(user_id, ()):
            if since <= position and (until is None or position < until):
                return until or self.head
        return None

    def archived_after(self, position: int) -> int:
        """The position of the first event after this one that archives the project, or the head."""
        return next((at for at, kind in self._ends if at > position and kind == "archived"), self.head)

    def _read_through(self) -> None:
        """Find who was a member when, holes, and what was written by who might not."""
        roles: dict[str, str] = {}
        for nth, item in enumerate(self.items, 1):
            if item.position != nth:
                self.findings.append(f"the log has {item.position} where {nth} should be")
                return
            role = roles.get(item.actor)
            joining = item.type in {"InvitationAccepted", "MemberAdded", "ProjectCreated"}
            if role is None and not joining:
                self.findings.append(f"position {nth} was written by who was no member")
            elif role == "viewer" and item.type not in _WRITTEN_BY_VIEWERS:
                self.findings.append(f"position {nth} was written by a viewer")
            self._follow(item, roles)

    def _follow(self, item: Item, roles: dict[str, str]) -> None:
        match item.type:
            case "MemberAdded" | "MemberRoleChanged":
                data = _decode(item.data)
                if data["userId"] not in roles:
                    self._spans.setdefault(data["userId"], []).append((item.position, None))
                roles[data["userId"]] = data["role"]
            case "MemberRemoved":
                gone = _decode(item.data)["userId"]
                roles.pop(gone, None)
                since, _ = self._spans[gone].pop()
                self._spans[gone].append((since, item.position))
            case "ProjectArchived":
                self._ends.append((item.position, "archived"))


def check(log: Log, who: str, user_id: str, stream: Sequence[Heard], *, until: int | None = None) -> list[str]:
    """What is wrong with what a client of a person heard of one project. `until`: it is there still, and has heard
    everything up to this position."""
    findings: list[str] = []
    every = list(visits(stream))
    log.fold(_decode(each.joined)["position"] for each in every if each.joined)
    for visit in every:
        findings += _check_visit(log, user_id, visit)
    last = every[-1]
    if until is not None and (last.frames[-1].position if last.frames else _position(last)) != until:
        findings.append(f"lost: it did not hear all up to {until}")
    return [f"{who}: {each}" for each in findings[:FINDINGS_A_CLIENT]]


def _check_visit(log: Log, user_id: str, visit: Visit) -> list[str]:
    if visit.joined is None:
        if visit.frames:
            return [f"heard {visit.frames[0].position} outside of the room"]
        return ["left where it was not"] if visit.reason else []
    joined = _decode(visit.joined)
    position = joined["position"]
    findings = _check_joined(log, visit.joined, joined, visit.after)
    last = log.may_hear(user_id, position)
    if last is None:
        return [*findings, f"let in at {position}, where they were no member"]
    findings += _check_frames(log, visit.frames, position, min(last, log.archived_after(position)))
    return findings + _check_end(log, visit, position, last)


def _check_end(log: Log, visit: Visit, position: int, last: int) -> list[str]:
    """Who was sent out heard the event that did so, as the last."""
    heard = visit.frames[-1].position if visit.frames else position
    ends = {"removed": last, "archived": log.archived_after(position)}
    if visit.reason in ends and heard != ends[visit.reason]:
        return [f"{visit.reason} at {ends[visit.reason]}, and the last it heard was {heard}"]
    return []


def _check_joined(log: Log, payload: bytes, joined: dict[str, Any], after: int | None) -> list[str]:
    if not 1 <= joined["position"] <= log.head:
        return [f"joined at {joined['position']}, beyond the log"]
    if "board" in joined:
        return [] if log.shows(joined) else [f"the snapshot at {joined['position']} is not the log's"]
    events = msgspec.json.decode(payload, type=_Resumed).events
    first = joined["position"] - len(events) + 1
    if first - 1 != after:
        return [f"resumed after {first - 1}, and {after} was asked for"]
    wrong = [first + nth for nth, each in enumerate(events) if not log.is_resumed(bytes(each), first + nth)]
    return [f"resumed with something else than the log has at {wrong[0]}"] if wrong else []


class _Resumed(Struct):
    events: list[Raw]


def _check_frames(log: Log, frames: Sequence[Heard], position: int, last: int) -> list[str]:
    findings, seen = [], set()
    for heard in frames:
        assert heard.position is not None
        if heard.position > last:
            return [*findings, f"heard {heard.position}, above {last} where they might hear no more"]
        if heard.position in seen:
            findings.append(f"doubled: {heard.position}")
        elif heard.position <= position:
            findings.append(f"swapped: {heard.position} after {position}")
        elif heard.position > position + 1:
            findings.append(f"gap: {heard.position} after {position}")
        if not log.is_told(heard):
            findings.append(f"altered: {heard.position} is not what the log has there")
        seen.add(heard.position)
        position = max(position, heard.position)
    return findings


def _position(visit: Visit) -> int | None:
    return _decode(visit.joined)["position"] if visit.joined else None


def _as_frame(item: Item) -> tuple[str, dict[str, Any]]:
    data = _decode(item.data)
    envelope = {
        "projectId": item.project_id, "position": item.position, "type": item.type,
        "changes": data, "actor": item.actor, "at": item.at, "commandId": item.command_id,
    }  # fmt: skip
    if item.type == "MessageSent":
        about = {"messageId": item.key, "text": data["text"], "author": item.actor}
        return "new_message", envelope | about
    if item.type.startswith("Member"):
        return "member_updated", envelope | {"userId": item.key}
    if "taskId" in data:
        moved = {"newStatus": data["status"]} if item.type in _STATUS_SET else {}
        return "task_updated", envelope | {"taskId": data["taskId"]} | moved
    return "project_updated", envelope


def _recorded(item: Item) -> e.Recorded:
    data = bytes(item.data)
    event = e.decode_event(item.type, data.decode())
    return e.Recorded(item.project_id, item.position, item.actor, item.command_id, item.at, event, data)


def _nameless(board: dict[str, Any]) -> dict[str, Any]:
    """People's names are the accounts', and not the log's."""
    return {**board, "members": [{**each, "name": ""} for each in board["members"]]}
