"""Given a history, when a command comes, then these events or this refusal: a garden that has one of everything."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pytest
from msgspec import Struct, field

from collabcampus.domain import commands as c
from collabcampus.domain import errors, limits
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.project import Actor, Project, fold, initial
from strategies import OWNER, PEOPLE, TASKS, some_id

PROJECT = some_id("project", 0)
AT = "2026-11-24T12:00:00.000Z"
EDITOR, VIEWER, STRANGER = (Actor(each) for each in PEOPLE[1:])
FIRST, SECOND, THIRD, ARCHIVED, GONE, NEW = TASKS
URGENT, LATER, NEW_LABEL = (some_id("label", number) for number in range(3))
SPADE, OIL, NEW_ITEM, CHAIR = (some_id("item", number) for number in range(4))
REMARK, REPLY, NEW_COMMENT = (some_id("comment", number) for number in range(3))
HELLO, ANSWER, NEW_MESSAGE = (some_id("message", number) for number in range(3))
LINK, BOUND, NEW_INVITATION = (some_id("invitation", number) for number in range(3))
NOWHERE = some_id("nowhere", 0)
SECRET = "open sesame"
SECRET_HASH = hashlib.sha256(SECRET.encode()).hexdigest()
ADDRESS = hashlib.sha256(b"stranger@example.org").hexdigest()

TO_DO, DOING, DONE = e.Column("todo", "To do"), e.Column("doing", "Doing", limit=1), e.Column("done", "Done")

By = tuple[Actor, e.Event]
BEGUN: list[e.Event | By] = [
    e.ProjectCreated(PROJECT, "Garden", "", (TO_DO, DOING, DONE)),
    e.MemberAdded(OWNER.user_id, "owner"),
    e.MemberAdded(EDITOR.user_id, "editor"),
    e.MemberAdded(VIEWER.user_id, "viewer"),
]
THREE_TASKS: list[e.Event | By] = [
    *BEGUN,
    e.LabelCreated(URGENT, "Urgent", "#d1242f"),
    e.LabelCreated(LATER, "Later"),
    e.TaskCreated(FIRST, "Dig", "", "todo", "a0"),
    e.TaskCreated(SECOND, "Sow", "", "todo", "a1", (EDITOR.user_id, VIEWER.user_id), (URGENT, LATER), "low"),
    e.TaskCreated(THIRD, "Reap", "", "todo", "a2", due_date="2026-11-30", start_date="2026-11-20"),
]
GARDEN: list[e.Event | By] = [
    *THREE_TASKS,
    e.TaskCreated(ARCHIVED, "Rest", "", "done", "a0", (VIEWER.user_id,), (URGENT,)),
    e.ChecklistItemAdded(CHAIR, ARCHIVED, "Chair", False, "a0"),
    e.TaskArchived(ARCHIVED),
    e.TaskCreated(GONE, "Burn", "", "done", "a0"),
    e.TaskDeleted(GONE),
    e.ChecklistItemAdded(SPADE, FIRST, "Find the spade", False, "a0"),
    e.ChecklistItemAdded(OIL, FIRST, "Oil it", False, "a1"),
    (EDITOR, e.CommentAdded(REMARK, FIRST, "Deep?", 1, (VIEWER.user_id,))),
    (EDITOR, e.MessageSent(HELLO, "Hello", mentions=(VIEWER.user_id,))),
    e.InvitationCreated(LINK, "editor", SECRET_HASH),
    e.InvitationCreated(BOUND, "viewer", SECRET_HASH, ADDRESS),
]
"""The editor wrote the remark and the hello; everything else is the owner's."""


def given(events: Iterable[e.Event | By], at: str = AT) -> Project:
    """The project after a history, of the owner's making where nobody else is named."""
    return then(initial(PROJECT), events, at=at)


def then(project: Project, events: Iterable[e.Event | By], actor: Actor = OWNER, at: str = AT) -> Project:
    """The project after more events."""
    for each in events:
        who, event = each if isinstance(each, tuple) else (actor, each)
        project = fold(project, e.record(PROJECT, project.head, who.user_id, some_id("command", 0), at, [event]))
    return project


def carried_out(command: c.Command, project: Project, actor: Actor = OWNER) -> Project:
    """The project after a command that is accepted."""
    return then(project, decide(command, project, actor, AT), actor)


def order(project: Project, status: str = "todo") -> list[str]:
    """The tasks of a column, in order."""
    return [task_id for _, task_id in project.column(status)]


class Case(Struct):
    """What is expected of a command in the garden: these events, or a refusal with these details."""

    command: c.Command
    then: list[e.Event] | errors.Refused
    by: Actor = OWNER
    after: list[e.Event | By] = []
    """What happened in the garden before."""
    limits: Mapping[str, int] = {}
    """Limits that are lower than usual."""
    at: str = AT
    since: list[e.Event | By] = field(default_factory=lambda: GARDEN)

    def __str__(self) -> str:
        expected = type(self.then).__name__ if isinstance(self.then, errors.Refused) else len(self.then)
        return f"{type(self.command).__name__}-{expected}"

    def holds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Assert it."""
        for name, value in self.limits.items():
            monkeypatch.setattr(limits, name, value)
        project = given([*self.since, *self.after])
        if isinstance(self.then, errors.Refused):
            with pytest.raises(errors.Refused) as refused:
                decide(self.command, project, self.by, self.at)
            assert said(self.then) == said(refused.value)
        else:
            assert self.then == decide(self.command, project, self.by, self.at)


def said(refusal: errors.Refused) -> Any:
    """A refusal as clients see it."""
    return msgspec.json.decode(msgspec.json.encode(refusal.as_error()))


def table(cases: list[Case]) -> pytest.MarkDecorator:
    """Each case a test of its own."""
    return pytest.mark.parametrize("case", cases, ids=str)
