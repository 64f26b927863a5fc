"""Bodies follow from the commands."""

from typing import Literal, Never

import msgspec
import pytest
from msgspec import UNSET

from collabcampus.domain import commands as c
from collabcampus.http.bodies import Body


def test_a_body_has_the_commands_fields_but_those_of_the_path_and_of_the_door() -> None:
    edit, invite = Body[c.EditTask, Literal["task_id"]], Body[c.CreateInvitation, Never]

    assert {"task_id", *edit.__struct_fields__} == set(c.EditTask.__struct_fields__)
    assert {*c.CreateInvitation.door_fills, *invite.__struct_fields__} == set(c.CreateInvitation.__struct_fields__)
    assert (edit.__name__, edit.__doc__) == ("EditTask", c.EditTask.__doc__)


def test_a_body_becomes_its_command() -> None:
    body = msgspec.json.decode(b'{"dueDate":null}', type=Body[c.EditTask, Literal["task_id"]])

    assert body.command(task_id="7") == c.EditTask("7", due_date=None)
    assert body.command(task_id="7").title is UNSET


@pytest.mark.parametrize("unknown", ["taskId", "task_id", "actor"])
def test_a_body_takes_nothing_that_the_path_says(unknown: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({unknown: "7"}, Body[c.EditTask, Literal["task_id"]])
