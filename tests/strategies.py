"""The domain as Hypothesis sees it: few people, few ids, so that histories collide."""

import hashlib
import uuid
from typing import Any, TypeVar

from hypothesis import strategies as st
from msgspec import UNSET, Struct, structs

from collabcampus.domain import commands as c
from collabcampus.domain.project import Actor
from collabcampus.domain.things import Item, Task
from collabcampus.domain.types import ROLES

T = TypeVar("T")
Strategy = st.SearchStrategy


def some_id(kind: str, number: int) -> str:
    """A stable id."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind} {number}"))


PEOPLE = [some_id("person", number) for number in range(4)]
TASKS = [some_id("task", number) for number in range(6)]
MESSAGES = [some_id("message", number) for number in range(4)]
OWNER = Actor(PEOPLE[0])
SECRET = "open sesame"
SECRET_HASH = hashlib.sha256(SECRET.encode()).hexdigest()
ADDRESSES = [hashlib.sha256(name).hexdigest() for name in (b"hers", b"his")]

people = st.sampled_from(PEOPLE)
peoples = st.lists(st.sampled_from([*PEOPLE[:3] * 3, PEOPLE[3]]), max_size=3).map(tuple)
actors = st.sampled_from([Actor(PEOPLE[number]) for number in (0, 0, 0, 0, 0, 0, 1, 1, 2, 3)])
roles = st.sampled_from(ROLES)
statuses = st.sampled_from(["todo", "in-progress", "done"] * 3 + ["review", "nowhere"])
colors = st.sampled_from([None, "#1f6feb", "#d1242f"])
limits = st.sampled_from([None, None, 1, 3])
priorities = st.sampled_from([None, "low", "urgent"])
covers = st.sampled_from([None, "#1f6feb"])
estimates = st.sampled_from([None, 0.5, 8.0])
days = st.sampled_from([None, *["2026-11-23", "2026-11-24", "2026-11-24T12:00:00Z", "2026-11-30"] * 3, "2026-02-30"])
emojis = st.sampled_from(["👍", "🎉"])


def _often(*weighted: tuple[int, Strategy[T]]) -> Strategy[T]:
    """One of these, as often as their weights say; `one_of` takes one that is named twice for one."""
    return st.sampled_from([each for weight, each in weighted for _ in range(weight)]).flatmap(lambda each: each)


any_text = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=12)
any_line = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=12)
texts = _often((5, st.sampled_from(["Dig", "a\nb\t", '\x01 <b>&"\\'])), (1, any_text))
words = texts.filter(str.strip)
lines = _often((5, st.sampled_from(["Dig", "Über 园 🌱", "%s '{}'"])), (1, any_line.filter(str.strip)))
"""Mostly known ones: a history has only so much chance in it, and shall be long rather than wordy."""


def _maybe(strategy: Strategy[Any]) -> Strategy[Any]:
    return st.just(UNSET) | strategy


def _rarely(strategy: Strategy[Any]) -> Strategy[Any]:
    """Mostly nothing: a neighbour named at random is mostly refused, and refusals make no history."""
    return _often((4, st.just(UNSET)), (1, strategy))


def ids(kind: str, prefix: str = "") -> Strategy[str]:
    """Ids of things that may be there, most of them of the `opening`; with a prefix, those of a world apart."""
    return st.sampled_from([some_id(prefix + kind, number) for number in (0, 0, 0, 1, 1, 2, 3)])


def new_ids(kind: str, prefix: str = "") -> Strategy[str]:
    """Ids of things that are made; some of them are there already."""
    return st.sampled_from([some_id(prefix + kind, number) for number in range(7)])


def commands(prefix: str = "") -> Strategy[c.Command]:
    """Any command, a project's first among them; `prefix` sets the ids apart, but for people's and columns'.

    What the door fills in is filled in.
    """
    return _often(
        (12, _tasks(prefix)),
        (4, _checklists(prefix)),
        (3, _comments(prefix)),
        (3, _chat(prefix)),
        (5, _members(prefix)),
        (3, _columns()),
        (3, _labels(prefix)),
        (3, _of_the_project()),
        (1, st.builds(c.CreateProject, name=st.just("Park"), columns=_maybe(st.just(("To do",))))),
    )


def asks(prefix: str = "") -> Strategy[tuple[c.Command, Actor]]:
    """A command, and who asks; invitations are for whoever is no member at first."""
    guest = Actor(PEOPLE[3])
    return st.tuples(commands(prefix), actors).map(
        lambda asked: (asked[0], guest) if isinstance(asked[0], c.AcceptInvitation) else asked
    )


def _of_the_project() -> Strategy[c.Command]:
    return _often(
        (4, st.builds(c.EditProject, name=_maybe(lines), description=_maybe(texts))),
        (1, st.builds(c.ArchiveProject)),
        (7, st.builds(c.RestoreProject)),
    )


def _columns() -> Strategy[c.Command]:
    beside = {"before": _rarely(statuses), "after": _rarely(statuses)}
    return st.one_of(
        st.builds(
            c.AddColumn, name=st.sampled_from(["To do", "Done", "Review"]), column_id=_rarely(statuses),
            color=colors, limit=limits, **beside,
        ),
        st.builds(
            c.EditColumn, column_id=statuses, name=_maybe(lines), color=_maybe(colors), limit=_maybe(limits), **beside
        ),
        st.builds(c.MoveColumn, column_id=statuses, **beside),
        st.builds(c.RemoveColumn, column_id=statuses, move_to=_maybe(statuses)),
    )  # fmt: skip


def _labels(prefix: str) -> Strategy[c.Command]:
    labels = ids("label", prefix)
    return _often(
        (1, st.builds(c.CreateLabel, name=lines, color=colors, label_id=new_ids("label", prefix))),
        (1, st.builds(c.EditLabel, label_id=labels, name=_maybe(lines), color=_maybe(colors))),
        (1, st.builds(c.DeleteLabel, label_id=labels)),
    )


def _members(prefix: str) -> Strategy[c.Command]:
    invitations = ids("invitation", prefix)
    addresses = _rarely(st.sampled_from(ADDRESSES))
    return _often(
        (4, st.builds(c.AddMember, role=roles, user_id=people)),
        (2, st.builds(c.ChangeMember, user_id=people, role=roles)),
        (2, st.builds(c.RemoveMember, user_id=people)),
        (3, st.builds(c.FollowGroups, provider=st.sampled_from(["campus", "library"]), role=st.none() | roles)),
        (1, st.builds(c.TransferOwnership, user_id=people)),
        (1, st.builds(c.AppointOwner, user_id=people, inactive=st.sampled_from([(), tuple(PEOPLE[:2])]))),
        (
            2,
            st.builds(
                c.CreateInvitation, role=roles, expires_at=days, max_uses=limits,
                invitation_id=new_ids("invitation", prefix), secret_hash=st.just(SECRET_HASH),
                address_digest=addresses, invited=_maybe(people),
            ),
        ),
        (1, st.builds(c.RevokeInvitation, invitation_id=invitations)),
        (
            2,
            st.builds(
                c.AcceptInvitation, invitation_id=invitations,
                secret=st.sampled_from([SECRET, SECRET, "open barley"]), address_digest=addresses,
            ),
        ),
    )  # fmt: skip


def _tasks(prefix: str) -> Strategy[c.Command]:
    tasks = ids("task", prefix)
    labels = st.lists(ids("label", prefix), max_size=2).map(tuple)
    beside = {"before": _rarely(tasks), "after": _rarely(tasks)}
    dates = {"due_date": days, "start_date": st.sampled_from([None, None, "2026-11-24"])}
    alike = {
        "labels": _rarely(labels), "priority": _maybe(priorities), "estimate": _maybe(estimates),
        "cover": _maybe(covers),
        **{name: _rarely(each) for name, each in dates.items()},
    }  # fmt: skip
    several = st.lists(tasks, min_size=1, max_size=4).map(tuple)
    return _often(
        (
            5,
            st.builds(
                c.CreateTask, title=lines, task_id=new_ids("task", prefix), description=texts,
                status=_maybe(statuses), **beside,
                assignees=_often((3, st.just(())), (1, peoples)), labels=_often((3, st.just(())), (1, labels)),
                priority=priorities, estimate=estimates, **dates,
            ),
        ),
        (6, st.builds(c.MoveTask, task_id=tasks, status=statuses, **beside)),
        (
            5,
            st.builds(
                c.EditTask, task_id=tasks, title=_maybe(lines), description=_maybe(texts), assignees=_rarely(peoples),
                status=_rarely(statuses), **beside, **alike, base_position=_rarely(st.integers(0, 30)),
            ),
        ),
        (3, st.builds(c.MoveTasks, task_ids=several, status=statuses, **beside)),
        (
            3,
            st.builds(
                c.EditTasks, task_ids=several, assignees=_rarely(peoples), **alike, archived=_maybe(st.booleans())
            ),
        ),
        (2, st.builds(c.AssignTask, task_id=tasks, assignees=peoples)),
        (2, st.builds(c.ArchiveTask, task_id=tasks)),
        (2, st.builds(c.RestoreTask, task_id=tasks)),
        (1, st.builds(c.DeleteTask, task_id=tasks)),
        (2, st.builds(c.CopyTask, task_id=tasks, status=_maybe(statuses), copied=_copied(prefix))),
        (1, st.builds(c.RemindDue, task_id=tasks, due_date=st.sampled_from(["2026-11-30"] * 3 + ["2026-11-24"]))),
    )  # fmt: skip


def a_copy(
    task_id: str,
    title: str,
    description: str,
    priority: str | None,
    due: str | None,
    start: str | None,
    estimate: float | None,
    items: tuple[tuple[str, str, bool], ...],
    status: str,
    rank: str,
    labels: tuple[str, ...] = (),
) -> c.Copied:
    """A copy, under these ids, of a task that has all this; items have id, text and whether they are done."""
    original = some_id("original", 0)
    checklist = tuple(
        Item(some_id("original item", nth), original, text, done, f"a{nth}")
        for nth, (_, text, done) in enumerate(items)
    )
    task = Task(
        original,
        title,
        description,
        status,
        rank,
        (PEOPLE[2],),
        (some_id("original label", 0),),
        priority,
        due,
        start,
        estimate,
        PEOPLE[2],
        "",
        "",
        checklist=checklist,
    )
    return c.Copied(task_id, task, tuple(item_id for item_id, *_ in items), labels)


def _copied(prefix: str) -> Strategy[c.Copied]:
    """Copies have fresh ids, so the ids of their items follow from the task's: no two tasks have one item."""

    def made(task_id: str, title: str, priority: str | None, texts: list[str]) -> c.Copied:
        items = tuple((some_id(f"item of {task_id}", number), text, False) for number, text in enumerate(texts))
        return a_copy(task_id, title, "", priority, "2026-11-30", None, None, items, "todo", "a0")

    return st.builds(made, new_ids("task", prefix), lines, priorities, st.lists(lines, max_size=2))


def _checklists(prefix: str) -> Strategy[c.Command]:
    tasks, items, made = ids("task", prefix), ids("item", prefix), new_ids("item", prefix)
    beside = {"before": _rarely(items), "after": _rarely(items)}
    return _often(
        (2, st.builds(c.AddChecklistItem, task_id=tasks, text=lines, item_id=made, done=st.booleans(), **beside)),
        (
            3,
            st.builds(
                c.EditChecklistItem, task_id=tasks, item_id=items, text=_maybe(lines), done=_maybe(st.booleans()),
                **beside,
            ),
        ),
        (1, st.builds(c.RemoveChecklistItem, task_id=tasks, item_id=items)),
    )  # fmt: skip


def _comments(prefix: str) -> Strategy[c.Command]:
    tasks, made = ids("task", prefix), new_ids("comment", prefix)
    known = {"task_id": tasks, "comment_id": ids("comment", prefix)}
    return _often(
        (2, st.builds(c.AddComment, task_id=tasks, text=words, comment_id=made, mentions=peoples)),
        (2, st.builds(c.EditComment, text=words, mentions=peoples, **known)),
        (1, st.builds(c.DeleteComment, **known)),
    )


def _chat(prefix: str) -> Strategy[c.Command]:
    messages, made = ids("message", prefix), new_ids("message", prefix)
    replied = _often((3, st.none()), (1, messages))
    return _often(
        (2, st.builds(c.SendMessage, text=words, message_id=made, reply_to=replied, mentions=peoples)),
        (2, st.builds(c.EditMessage, message_id=messages, text=words, mentions=peoples)),
        (1, st.builds(c.DeleteMessage, message_id=messages)),
        (2, st.builds(c.ReactToMessage, message_id=messages, emoji=emojis, on=st.booleans())),
    )


def opening(prefix: str = "") -> list[c.Command]:
    """What an owner may begin with: some of each thing, so that what comes after at random finds something."""
    tasks, items = ([some_id(f"{prefix}{kind}", number) for number in range(3)] for kind in ("task", "item"))
    label, comment, message, invitation = (
        some_id(prefix + kind, 0) for kind in ("label", "comment", "message", "invitation")
    )
    return [
        c.AddMember("owner", PEOPLE[1]),
        c.AddMember("editor", PEOPLE[2]),
        c.CreateLabel("Urgent", None, label),
        *(
            c.CreateTask("Dig", each, assignees=(PEOPLE[2],), labels=(label,), due_date="2026-11-30")
            for each in tasks
        ),
        *(c.AddChecklistItem(tasks[0], "Spade", item_id) for item_id in items),
        c.AddComment(tasks[0], "Deep?", comment),
        c.SendMessage("Hello", message),
        c.CreateInvitation("editor", invitation_id=invitation, secret_hash=SECRET_HASH),
    ]


_UNIQUE = {
    "task_id", "task_ids", "item_id", "comment_id", "message_id", "reply_to", "label_id", "labels", "invitation_id",
    "before", "after", "copied", "original", "tasks", "item_ids", "checklist",
}  # fmt: skip
"""Fields with ids of things that there is one of anywhere; `before` and `after` where they do not name a column."""
_OF_COLUMNS = (c.AddColumn, c.EditColumn, c.MoveColumn)


def renamed(command: c.Command, world: uuid.UUID) -> c.Command:
    """The same command in a world of its own: every id of its things is another, people's and columns' are not."""
    return _renamed(command, world, _UNIQUE - {"before", "after"} if isinstance(command, _OF_COLUMNS) else _UNIQUE)


S = TypeVar("S", bound=Struct)


def _renamed(thing: S, world: uuid.UUID, names: set[str]) -> S:
    def fresh(value: Any) -> Any:
        match value:
            case str():
                return str(uuid.uuid5(world, value))
            case [(str(), *_), *_]:
                return tuple((fresh(item_id), *rest) for item_id, *rest in value)
            case tuple():
                return tuple(map(fresh, value))
            case Struct():
                return _renamed(value, world, names)
            case _:
                return value

    return structs.replace(
        thing, **{each: fresh(getattr(thing, each)) for each in names & set(thing.__struct_fields__)}
    )


def as_sent(command: c.Command) -> dict[str, Any]:
    """The payload that a client sends: what the door fills in is not its to say."""
    fields = {each: getattr(command, each) for each in command.__struct_fields__ if each not in command.door_fills}
    return {c.camel(name): value for name, value in fields.items() if value is not UNSET}
