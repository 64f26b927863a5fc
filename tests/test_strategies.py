"""What the strategies promise to the tests that use them."""

import uuid

from hypothesis import given, settings

from collabcampus.domain import commands as c
from domain.histories import Asked, asked, history_of
from strategies import asks, renamed, some_id

WORLD = uuid.UUID(int=7)
KINDS = ("task", "item", "comment", "message", "label", "invitation", "original", "original item", "original label")
APART = {some_id(kind, number) for kind in KINDS for number in range(7)}


@given(asks())
def test_a_renamed_command_names_nothing_of_the_other_world(asked: tuple[c.Command, object]) -> None:
    command = renamed(asked[0], WORLD)

    assert type(command) is type(asked[0])
    assert not [each for each in APART if each in str(command)]


@settings(deadline=None)
@given(asked)
def test_a_renamed_history_is_the_same_history_of_other_things(asked: Asked) -> None:
    elsewhere = [(renamed(command, WORLD), actor) for command, actor in asked]

    assert [each.type for each in history_of(asked)] == [each.type for each in history_of(elsewhere)]
