"""Rooms: everybody hears everything in order, presence counts people, who is removed hears nothing more."""

from collections.abc import Sequence

from collabcampus.domain import events as e
from collabcampus.live.rooms import Room
from strategies import PEOPLE, some_id

PROJECT = some_id("project", 0)


class Heard:
    """A listener that writes down what it hears."""

    def __init__(self, user_id: str) -> None:
        self.user_id, self.name = user_id, user_id[:4]
        self.heard: list[object] = []

    def send(self, frame: object) -> None:
        self.heard.append(frame)

    def left(self, project_id: str, reason: str) -> None:
        self.heard.append(("left", reason))


class Plain:
    """Frames as what they tell."""

    def events(self, committed: Sequence[e.Recorded]) -> object:
        return [each.position for each in committed]

    def presence(self, event: str, project_id: str, user_id: str, name: str, online: Sequence[str]) -> object:
        return (event, user_id, tuple(online))

    def crowd(self, project_id: str, joined: Sequence[str], left: Sequence[str], online: Sequence[str]) -> object:
        return ("presence", tuple(joined), tuple(left), len(online))

    def head(self, project_id: str, position: int) -> object:
        return ("head", position)


def at(position: int, event: e.Event) -> e.Recorded:
    return e.record(PROJECT, position - 1, PEOPLE[0], some_id("command", position), "", [event])[0]


def test_a_persons_first_socket_is_news_and_the_last_one_gone() -> None:
    room: Room[object] = Room(PROJECT, Plain())
    alice, bob, bobs_phone = Heard(PEOPLE[0]), Heard(PEOPLE[1]), Heard(PEOPLE[1])

    room.enter(alice)
    room.enter(bob)
    room.enter(bob)
    room.enter(bobs_phone)
    room.leave(bob)
    room.leave(bobs_phone)
    room.leave(bobs_phone)

    assert alice.heard == [("user_joined", PEOPLE[1], (*PEOPLE[:2],)), ("user_left", PEOPLE[1], (PEOPLE[0],))]
    assert room.online == [PEOPLE[0]]


def test_who_is_removed_hears_of_it_and_nothing_after() -> None:
    room: Room[object] = Room(PROJECT, Plain())
    alice, bob = Heard(PEOPLE[0]), Heard(PEOPLE[1])
    room.enter(alice)
    room.enter(bob)

    room.publish([at(7, e.MemberRemoved(PEOPLE[1])), at(8, e.ProjectEdited(PROJECT, name="Park"))])

    assert bob.heard == [[7], ("left", "removed")]
    assert alice.heard[-3:] == [[7], ("user_left", PEOPLE[1], (PEOPLE[0],)), [8]]


def test_one_may_be_left_out_of_what_is_told() -> None:
    room: Room[object] = Room(PROJECT, Plain())
    alice, bob = Heard(PEOPLE[0]), Heard(PEOPLE[1])
    room.enter(alice)
    room.enter(bob)

    room.tell("typing", but=bob.user_id)

    assert (alice.heard[-1], bob.heard) == ("typing", [])


def test_who_is_muted_is_there_and_hears_nothing_until_entering_again() -> None:
    room: Room[object] = Room(PROJECT, Plain())
    alice, bob = Heard(PEOPLE[0]), Heard(PEOPLE[1])
    room.enter(alice)
    room.enter(bob)

    assert (room.mute(bob), room.mute(bob)) == (True, False)
    room.publish([at(7, e.ProjectEdited(PROJECT, name="Park"))])
    room.tell("typing", but=alice.user_id)
    assert (bob.heard, room.online, room.told) == ([], [*PEOPLE[:2]], 7)
    room.enter(bob)
    room.publish([at(8, e.ProjectEdited(PROJECT, name="Field"))])

    assert (bob.heard, room.muted(bob)) == ([[8]], False)


def test_who_is_muted_by_an_event_was_told_those_before_it() -> None:
    room: Room[object] = Room(PROJECT, Plain())

    class Slow(Heard):
        def send(self, frame: object) -> None:
            room.mute(self)
            self.heard.append(room.told)

    slow = Slow(PEOPLE[0])
    room.enter(slow)
    room.publish([at(7, e.ProjectEdited(PROJECT, name="Park"))])
    room.publish([at(8, e.ProjectEdited(PROJECT, name="Park"))])

    assert (slow.heard, room.told) == ([6], 8)


def test_what_was_told_is_known_although_nobody_listened() -> None:
    room: Room[object] = Room(PROJECT, Plain())

    room.publish([at(7, e.ProjectEdited(PROJECT, name="Park"))])

    assert room.told == 7
