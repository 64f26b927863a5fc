"""Random histories of the pure domain."""

from collections.abc import Sequence

from hypothesis import strategies as st

from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.errors import Refused
from collabcampus.domain.project import Actor, Project, fold, initial
from domain.given import AT, PROJECT
from strategies import OWNER, asks, opening, some_id

Asked = list[tuple[c.Command, Actor]]
BEGIN = (c.CreateProject("Garden"), OWNER)


def recorded(project: Project, actor: Actor, events: Sequence[e.Event]) -> list[e.Recorded]:
    """Events as the log would number them."""
    command_id = some_id("command", project.head)
    return e.record(PROJECT, project.head, actor.user_id, command_id, AT, events)


def history_of(asked: Asked) -> list[e.Recorded]:
    """The history that commands make, refused ones left out."""
    project, history = initial(PROJECT), []
    for command, actor in [BEGIN, *asked]:
        try:
            fresh = recorded(project, actor, decide(command, project, actor, AT))
        except Refused:
            continue
        project = fold(project, fresh)
        history += fresh
    return history


OPENING = [(command, OWNER) for command in opening()]
_some = st.one_of(
    st.lists(asks(), max_size=8), st.lists(asks(), min_size=10, max_size=40), st.lists(asks(), min_size=25)
)
"""A list without a least size is five long on average."""
asked = st.builds(list.__add__, st.sampled_from([[], *[OPENING] * 7]), _some)
"""What people ask of a project that has begun."""
histories = asked.map(history_of)
