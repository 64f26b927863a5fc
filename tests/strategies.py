"""The domain as Hypothesis sees it: few people, few ids, so that histories collide."""

import uuid
from typing import Any

from hypothesis import strategies as st
from msgspec import UNSET

from collabcampus.domain import commands as c
from collabcampus.domain.project import Actor
from collabcampus.domain.types import ROLES


def some_id(kind: str, number: int) -> str:
    """A stable id."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind} {number}"))


PEOPLE = [some_id("person", number) for number in range(4)]
TASKS = [some_id("task", number) for number in range(6)]
MESSAGES = [some_id("message", number) for number in range(4)]
OWNER = Actor(PEOPLE[0])

people = st.sampled_from(PEOPLE)
actors = st.sampled_from([OWNER, OWNER, OWNER, *(Actor(each) for each in PEOPLE[1:])])
statuses = st.sampled_from(["todo", "in-progress", "done"] * 3 + ["nowhere"])
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=12)
lines = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=12).filter(str.strip)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.just(UNSET) | strategy


def _rarely(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly nothing: a neighbour named at random is mostly refused, and refusals make no history."""
    return st.one_of(*[st.just(UNSET)] * 4, strategy)


def task_ids(prefix: str = "") -> st.SearchStrategy[str]:
    """Ids of tasks; with a prefix, those of a world apart, since they are unique everywhere."""
    return st.sampled_from([some_id(f"{prefix}task", number) for number in range(4)])


def commands(prefix: str = "") -> st.SearchStrategy[c.Command]:
    """Any command but the first; `prefix` sets the ids of tasks apart."""
    tasks = task_ids(prefix)
    assignees = st.lists(people, max_size=3).map(tuple)
    return st.one_of(
        st.builds(c.EditProject, name=_maybe(lines), description=_maybe(texts)),
        st.builds(c.AddMember, role=st.sampled_from(ROLES), user_id=people),
        st.builds(c.ChangeMember, user_id=people, role=st.sampled_from(ROLES)),
        st.builds(c.RemoveMember, user_id=people),
        *[
            st.builds(
                c.CreateTask, title=lines, task_id=tasks, description=texts, status=_maybe(statuses),
                before=_rarely(tasks), after=_rarely(tasks),
            ),
            st.builds(c.MoveTask, task_id=tasks, status=statuses, before=_rarely(tasks), after=_rarely(tasks)),
        ] * 2,
        st.builds(
            c.EditTask, task_id=tasks, title=_maybe(lines), description=_maybe(texts),
            assignees=_maybe(assignees), status=_maybe(statuses),
        ),
        st.builds(c.AssignTask, task_id=tasks, assignees=assignees),
        st.builds(c.DeleteTask, task_id=tasks),
        st.builds(c.SendMessage, text=texts.filter(str.strip), message_id=st.sampled_from(MESSAGES)),
    )  # fmt: skip
