"""Rooms: everybody hears everything in order, presence counts people, who is removed hears nothing more."""

from collabcampus.domain import events as e
from collabcampus.live.rooms import Room
from live.listening import Heard, Plain
from strategies import PEOPLE, some_id

PROJECT = some_id("project", 0)


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


def test_who_is_muted_by_what_follows_a_removal_was_told_the_removal() -> None:
    room: Room[object] = Room(PROJECT, Plain())
    told: list[tuple[object, int]] = []

    class Slow(Heard):
        def send(self, frame: object) -> None:
            told.append((frame, room.told))

    room.enter(Slow(PEOPLE[0]))
    room.publish(
        [at(7, e.ProjectEdited(PROJECT, name="Park")), at(8, e.MemberRemoved(PEOPLE[1])),
         at(9, e.ProjectEdited(PROJECT, name="Field"))]
    )  # fmt: skip

    assert told == [([7, 8], 6), ([9], 8)]


def test_a_head_is_told_behind_the_frames_it_counts_and_not_to_who_hears_nothing() -> None:
    room: Room[object] = Room(PROJECT, Plain())
    alice, bob = Heard(PEOPLE[0]), Heard(PEOPLE[1])
    room.enter(alice)
    room.tell_head()
    room.enter(bob)
    room.mute(bob)

    room.publish([at(7, e.ProjectEdited(PROJECT, name="Park"))])
    room.tell_head()
    room.tell_head()

    assert alice.heard[1:] == [[7], ("head", 7), ("head", 7)], "and none before anything is known"
    assert bob.heard == []


def test_what_was_told_is_known_although_nobody_listened() -> None:
    room: Room[object] = Room(PROJECT, Plain())

    room.publish([at(7, e.ProjectEdited(PROJECT, name="Park"))])

    assert room.told == 7
