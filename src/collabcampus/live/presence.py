"""Presence across nodes: each tells the others who is in its rooms, and believes them while they live."""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from collabcampus.live.bus import Announcer, Bus
from collabcampus.live.rooms import Room

CHANNEL = "collabcampus_presence"
SILENT_FOR_S = 20.0
"""A node not heard for so long has gone, and with it whoever was there."""
EVERYTHING_EACH = 6
"""At every so manieth tick all is told anew, for hints that were lost."""
PEOPLE_A_HINT, PROJECTS_A_HINT = 20, 100
"""Names are short and ids are not: that many stay below the 8,000 bytes of a notification."""

EVERYBODY, NOBODY = ("", "~"), ("", "")
"""Spans of user ids."""

F = TypeVar("F")


class Hint(Struct, frozen=True, omit_defaults=True):
    """What a node says of one room; without a project, only that it lives.

    `span`: of those whose ids are in it, its end excluded, nobody else is there. `believed`: the projects in which
    somebody is thought to be on the node `of`.
    """

    node: str
    project: str | None = None
    joined: dict[str, str] = {}
    left: list[str] = []
    span: tuple[str, str] | None = None
    asks: bool = False
    of: str | None = None
    believed: list[str] = []


class Presence(Generic[F]):
    """This node's part: tells what changes here, keeps who is elsewhere, and lets its rooms know.

    It keeps what it hears of every project, also of those nobody here is in: who is the first here is to find
    everybody else there already.
    """

    def __init__(
        self,
        bus: Bus,
        room_of: Callable[[str], Room[F] | None],
        rooms: Callable[[], Iterable[Room[F]]],
        node: str | None = None,
    ) -> None:
        """`room_of` finds a room that somebody here is in; `rooms` are all of them. `node` is this node's name, as
        in `place.start`: who starts anew in a place says so that whoever was there before has gone."""
        self._room_of, self._rooms = room_of, rooms
        self._announcer = Announcer(bus, CHANNEL)  # what is lost is told anew at a later tick
        self._node = node or uuid.uuid4().hex[:12]
        self._heard_at: dict[str, float] = {}
        self._known: defaultdict[str, dict[str, dict[str, str]]] = defaultdict(dict)  # names, by node, project, id
        self._ticks = 0
        bus.subscribe(CHANNEL, self._heard)

    def changed(self, room: Room[Any], joined: dict[str, str], left: list[str]) -> None:
        """People's first sockets here, and last ones gone. Who is the first here asks whether what is known of
        elsewhere is so."""
        if not self._heard_at:
            return  # nobody else is there to be told
        is_first = len(room.here) == len(joined) == 1
        self._tell(Hint(self._node, room.project_id, joined, left, asks=is_first))
        if is_first:
            for node in self.elsewhere(room.project_id):
                self._tell(Hint(self._node, of=node, believed=[room.project_id]))

    def elsewhere(self, project_id: str) -> dict[str, dict[str, str]]:
        """Who is in a project's room on other nodes: names by id, by node."""
        return {node: there[project_id] for node, there in self._known.items() if project_id in there}

    def tick(self) -> None:
        """Say that this node lives, now and then all it knows, and let go of nodes that are silent."""
        self._tell(Hint(self._node))
        self._ticks += 1
        if self._heard_at and self._ticks % EVERYTHING_EACH == 0:
            self._introduce()
        long_ago = time.monotonic() - SILENT_FOR_S
        for node in [each for each, at in self._heard_at.items() if at < long_ago]:
            self._gone(node)

    def _gone(self, node: str) -> None:
        self._heard_at.pop(node, None)
        for project_id in self._known.pop(node, {}):
            if room := self._room_of(project_id):
                room.elsewhere(node, {})

    def _heard(self, payload: str) -> None:
        hint = msgspec.json.decode(payload, type=Hint)
        if hint.node == self._node:
            return
        self._lives(hint.node)
        if hint.of == self._node:
            for project_id in hint.believed:
                if self._room_of(project_id) is None:  # the hint that the last one here had gone was lost
                    self._tell(Hint(self._node, project_id, span=EVERYBODY))
        if hint.project is None:
            return
        people = self._learn(hint, hint.project)
        if room := self._room_of(hint.project):
            room.elsewhere(hint.node, people)
            if hint.asks:
                self._tell_all(room)

    def _lives(self, node: str) -> None:
        is_new = node not in self._heard_at
        self._heard_at[node] = time.monotonic()
        if is_new:
            place = node.partition(".")[0]
            for other in [each for each in self._heard_at if each != node and each.partition(".")[0] == place]:
                self._gone(other)
            self._introduce()

    def _learn(self, hint: Hint, project_id: str) -> dict[str, str]:
        there = self._known[hint.node]
        first, end = hint.span or NOBODY
        people = {key: name for key, name in there.pop(project_id, {}).items() if not first <= key < end}
        left = set(hint.left)
        people = {key: name for key, name in (people | hint.joined).items() if key not in left}
        if people:
            there[project_id] = people
        return people

    def _tell_all(self, room: Room[F]) -> None:
        people = sorted(room.here.items())
        starts = range(0, len(people), PEOPLE_A_HINT)
        ends = [EVERYBODY[0], *(people[start][0] for start in starts[1:]), EVERYBODY[1]]
        for nth, start in enumerate(starts):
            some = dict(people[start : start + PEOPLE_A_HINT])
            self._tell(Hint(self._node, room.project_id, some, span=(ends[nth], ends[nth + 1])))

    def _introduce(self) -> None:
        self._tell(Hint(self._node))
        for room in list(self._rooms()):
            self._tell_all(room)
        for node, there in self._known.items():
            believed = list(there)
            for start in range(0, len(believed), PROJECTS_A_HINT):
                self._tell(Hint(self._node, of=node, believed=believed[start : start + PROJECTS_A_HINT]))

    def _tell(self, hint: Hint) -> None:
        self._announcer.tell(msgspec.json.encode(hint).decode())
