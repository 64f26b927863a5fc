"""A project: the decider's state, one stream, one consistency boundary, one room.

`evolve`, `fold` and `merge` never refuse: the past cannot be argued with. `fold` copies once and then merges
every event into its private copy; whoever owns a state alone merges into it in place.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any, TypeAlias, TypeVar, assert_never, get_args

from msgspec import UNSET, Struct, field
from msgspec.structs import replace

from collabcampus.domain import events as e
from collabcampus.domain.ranks import Place
from collabcampus.domain.things import Comment, Invitation, Item, Label, Member, Message, Task
from collabcampus.domain.types import Role

FOLD_VERSION = 4
"""Raise it whenever a state folded before would differ, and with every new type of event: stored snapshots of another
version are dropped, so that a node which does not know the type loads no state that holds it."""


class Actor(Struct, frozen=True):
    """Who asks; always from the token, never from the payload."""

    user_id: str


class Project(Struct):
    """Everything a decision needs to know; `head` is the position of the last event in it, 0 before any."""

    project_id: str
    head: int = 0
    name: str = ""
    description: str = ""
    columns: tuple[e.Column, ...] = ()
    created_at: str = ""
    archived: bool = False
    members: dict[str, Member] = field(default_factory=dict)
    former: dict[str, None] = field(default_factory=dict)
    """Who was a member, in the order they went: what they wrote stays theirs."""
    tasks: dict[str, Task] = field(default_factory=dict)
    places: dict[str, list[Place]] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)
    messages: dict[str, Message] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    invitations: dict[str, Invitation] = field(default_factory=dict)
    comments: dict[str, Comment] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    """The task of each checklist item there is."""
    set_at: dict[str, dict[str, int]] = field(default_factory=dict)
    """By task, the position that set each field last, where that was not its creation."""

    @property
    def open_tasks(self) -> int:
        """How many tasks are on the board."""
        return sum(map(len, self.places.values()))

    def role_of(self, user_id: str) -> Role | None:
        """The person's role, None without a place in the project."""
        member = self.members.get(user_id)
        return member.role if member else None

    def column(self, status: str) -> list[Place]:
        """The places of a column in order; empty for one without tasks."""
        return self.places.get(status, [])


def initial(project_id: str) -> Project:
    """The state before the first event."""
    return Project(project_id)


def evolve(project: Project, recorded: e.Recorded) -> Project:
    """The state after one more event; `project` itself stays as it was."""
    return fold(project, (recorded,))


def fold(project: Project, history: Iterable[e.Recorded]) -> Project:
    """The state after many events, in the time they take and not the board's size for each."""
    draft = private_copy(project)
    merge(draft, history)
    return draft


def merge(draft: Project, history: Iterable[e.Recorded]) -> None:
    """Bring a state that nobody else holds forward in place: each event costs the same on boards of every size."""
    unplaced: Unplaced = {}
    for recorded in history:
        event = recorded.event
        _MERGES[type(event)](draft, event, recorded, unplaced)
        draft.head = recorded.position
    _place(draft, unplaced)


def private_copy(project: Project) -> Project:
    """A state of one's own to merge into; the things in it are immutable and shared."""
    draft = copy(project)
    draft.members = project.members.copy()
    draft.former = project.former.copy()
    draft.tasks = project.tasks.copy()
    draft.places = {status: column.copy() for status, column in project.places.items()}
    draft.spent = project.spent.copy()
    draft.messages = project.messages.copy()
    draft.labels = project.labels.copy()
    draft.invitations = project.invitations.copy()
    draft.comments = project.comments.copy()
    draft.items = project.items.copy()
    draft.set_at = project.set_at.copy()  # what is in it is replaced, never changed
    return draft


Unplaced: TypeAlias = dict[str, Task | None]
"""Tasks whose places wait for the end of a batch: as they were when they had their last place, None without one."""


def _place(draft: Project, unplaced: Unplaced) -> None:
    """Give every task that waits its place: once a batch, however often it was moved."""
    for task_id, placed in unplaced.items():
        if placed:
            column = draft.places[placed.status]
            del column[bisect_left(column, (placed.rank, task_id))]
            if not column:  # the same state, whichever way it was reached
                del draft.places[placed.status]
        task = draft.tasks.get(task_id)
        if task and not task.archived:
            insort(draft.places.setdefault(task.status, []), (task.rank, task_id))
    unplaced.clear()


def _merge_project(draft: Project, event: e.Administrative, recorded: e.Recorded, _: Unplaced) -> None:
    match event:
        case e.MemberAdded(user_id=user_id, role=role, provider=provider):
            draft.members[user_id] = Member(user_id, role, None if provider is UNSET else provider)
            draft.former.pop(user_id, None)
        case e.MemberRoleChanged(user_id=user_id, role=role):
            known = draft.members.get(user_id)
            draft.members[user_id] = Member(user_id, role, known.provider if known else None)
            draft.former.pop(user_id, None)
        case e.MemberRemoved(user_id=user_id):
            if draft.members.pop(user_id, None):
                draft.former[user_id] = None
        case e.ProjectCreated():
            draft.name, draft.description = event.name, event.description
            draft.columns, draft.created_at = event.columns, recorded.at
        case e.ProjectEdited(name=name, description=description):
            draft.name = draft.name if name is UNSET else name
            draft.description = draft.description if description is UNSET else description
        case e.ProjectArchived() | e.ProjectRestored():
            draft.archived = event.archived
        case e.LabelCreated(label_id=label_id):
            draft.labels[label_id] = Label(label_id, event.name, event.color)
            draft.spent.discard(label_id)  # the same one came back, by an undo
        case e.LabelEdited(label_id=label_id):
            _update(draft.labels, label_id, _values(event))
        case e.LabelDeleted(label_id=label_id):
            _spend(draft, draft.labels, label_id)
        case e.InvitationCreated():
            values = {name: value for name, value in _values(event).items() if name != "notifies"}
            draft.invitations[event.invitation_id] = Invitation(
                **values, created_by=recorded.actor, created_at=recorded.at
            )
        case e.InvitationAccepted(invitation_id=invitation_id, uses=uses):
            _update(draft.invitations, invitation_id, {"uses": uses})
        case e.InvitationRevoked(invitation_id=invitation_id):
            _spend(draft, draft.invitations, invitation_id)
        case _:
            assert_never(event)


T = TypeVar("T", bound=Struct)


def _values(event: e.Event) -> dict[str, Any]:
    return {name: value for name in event.__struct_fields__ if (value := getattr(event, name)) is not UNSET}


def _update(things: dict[str, T], key: str, values: dict[str, Any]) -> None:
    if key in things:
        things[key] = replace(things[key], **values)


def _spend(draft: Project, things: dict[str, T], key: str) -> None:
    things.pop(key, None)
    draft.spent.add(key)


def _add_task(draft: Project, event: e.TaskCreated, recorded: e.Recorded, unplaced: Unplaced) -> None:
    values = _values(event)
    values.pop("notifies", None)
    task = Task(**values, created_by=recorded.actor, created_at=recorded.at, updated_at=recorded.at)
    draft.tasks[task.task_id] = task
    unplaced.setdefault(task.task_id, None)


def _move_task(draft: Project, event: e.TaskMoved, recorded: e.Recorded, unplaced: Unplaced) -> None:
    task_id, status = event.task_id, event.status
    task = draft.tasks.get(task_id)
    if task is None:
        return
    if task_id not in unplaced:
        unplaced[task_id] = None if task.archived else task
    draft.tasks[task_id] = replace(task, status=status, rank=event.rank, updated_at=recorded.at)
    if status != task.status:
        known = draft.set_at.get(task_id)
        draft.set_at[task_id] = {**known, "status": recorded.position} if known else {"status": recorded.position}


def _merge_task(draft: Project, event: e.TaskEdited | e.TaskAssigned, recorded: e.Recorded, _: Unplaced) -> None:
    task = draft.tasks.get(event.task_id)
    if task is None:
        return
    values = _values(event)
    del values["task_id"]
    values.pop("notifies", None)
    draft.tasks[task.task_id] = replace(task, **values, updated_at=recorded.at)
    _note(draft, task.task_id, values, recorded.position)


def _note(draft: Project, task_id: str, fields: Iterable[str], position: int) -> None:
    draft.set_at[task_id] = {**draft.set_at.get(task_id, {}), **dict.fromkeys(fields, position)}


def _put_away(
    draft: Project, event: e.TaskArchived | e.TaskRestored, recorded: e.Recorded, unplaced: Unplaced
) -> None:
    task = draft.tasks.get(event.task_id)
    if task is None:
        return
    unplaced.setdefault(task.task_id, None if task.archived else task)
    _replace_task(draft, **_values(event), updated_at=recorded.at)
    if isinstance(event, e.TaskRestored) and event.status != task.status:
        _note(draft, task.task_id, ("status",), recorded.position)


def _told_alone(draft: Project, event: e.CommandUndone | e.CommandRedone, *_: Any) -> None:
    """It says of the events after it why they are."""


def _remind(draft: Project, event: e.DueReminded, *_: Any) -> None:
    _replace_task(draft, event.task_id, reminded=event.reminded)


def _replace_task(draft: Project, task_id: str, **values: Any) -> None:
    if task_id in draft.tasks:
        draft.tasks[task_id] = replace(draft.tasks[task_id], **values)


def _drop_task(draft: Project, event: e.TaskDeleted, _: e.Recorded, unplaced: Unplaced) -> None:
    task = draft.tasks.pop(event.task_id, None)
    draft.spent.update((event.task_id, *event.comments, *event.items))
    draft.set_at.pop(event.task_id, None)
    for comment_id in event.comments:
        draft.comments.pop(comment_id, None)
    for item_id in event.items:
        draft.items.pop(item_id, None)
    if task:
        unplaced.setdefault(task.task_id, None if task.archived else task)


def _set_columns(
    draft: Project, event: e.ColumnAdded | e.ColumnEdited | e.ColumnMoved | e.ColumnRemoved, *_: Any
) -> None:
    draft.columns = event.columns


def _rebalance(draft: Project, event: e.ColumnRebalanced, _: e.Recorded, unplaced: Unplaced) -> None:
    _place(draft, unplaced)
    for task_id, rank in event.ranks.items():
        task = draft.tasks.get(task_id)
        if task:
            draft.tasks[task_id] = replace(task, rank=rank)
    if column := draft.places.get(event.status):
        draft.places[event.status] = sorted((event.ranks.get(task_id, rank), task_id) for rank, task_id in column)


def _merge_checklist(
    draft: Project, event: e.ChecklistItemAdded | e.ChecklistItemEdited | e.ChecklistItemRemoved, *_: Any
) -> None:
    task = draft.tasks.get(event.task_id)
    if task is None:
        return
    items = {each.item_id: each for each in task.checklist}
    match event:
        case e.ChecklistItemAdded():
            items[event.item_id] = Item(event.item_id, event.task_id, event.text, event.done, event.rank)
            draft.items[event.item_id] = event.task_id
            draft.spent.discard(event.item_id)
        case e.ChecklistItemEdited():
            _update(items, event.item_id, _values(event))
        case e.ChecklistItemRemoved():
            _spend(draft, items, event.item_id)
            draft.items.pop(event.item_id, None)
    _replace_task(draft, task.task_id, checklist=tuple(sorted(items.values(), key=_by_rank)))


def _by_rank(item: Item) -> Place:
    return item.rank, item.item_id


def _merge_comment(
    draft: Project, event: e.CommentAdded | e.CommentEdited | e.CommentDeleted, recorded: e.Recorded, _: Unplaced
) -> None:
    match event:
        case e.CommentAdded(comment_id=comment_id, task_id=task_id):
            comment = Comment(comment_id, task_id, event.text, event.mentions, recorded.actor, recorded.at)
            draft.comments[comment_id] = comment
            _replace_task(draft, task_id, comment_count=event.comment_count)
        case e.CommentEdited(comment_id=comment_id, text=text, mentions=mentions):
            _update(draft.comments, comment_id, {"text": text, "mentions": mentions, "edited_at": recorded.at})
        case e.CommentDeleted(comment_id=comment_id, task_id=task_id):
            _spend(draft, draft.comments, comment_id)
            _replace_task(draft, task_id, comment_count=event.comment_count)


def _merge_message(
    draft: Project,
    event: e.MessageSent | e.MessageEdited | e.MessageReacted | e.MessageDeleted,
    recorded: e.Recorded,
    _: Unplaced,
) -> None:
    message_id = event.message_id
    match event:
        case e.MessageSent(text=text, reply_to=reply_to, mentions=mentions):
            draft.messages[message_id] = Message(
                message_id, text, recorded.actor, recorded.at, recorded.position, reply_to, mentions
            )
        case e.MessageEdited(text=text, mentions=mentions):
            _update(draft.messages, message_id, {"text": text, "mentions": mentions, "edited_at": recorded.at})
        case e.MessageReacted(reactions=reactions):
            _update(draft.messages, message_id, {"reactions": reactions})
        case e.MessageDeleted():
            _spend(draft, draft.messages, message_id)


_MERGES: dict[type[e.Event], Callable[[Project, Any, e.Recorded, Unplaced], None]] = {
    **dict.fromkeys(get_args(e.Administrative), _merge_project),
    **dict.fromkeys((e.ColumnAdded, e.ColumnEdited, e.ColumnMoved, e.ColumnRemoved), _set_columns),
    e.ColumnRebalanced: _rebalance,
    **dict.fromkeys((e.CommandUndone, e.CommandRedone), _told_alone),
    e.TaskCreated: _add_task,
    e.TaskMoved: _move_task,
    **dict.fromkeys((e.TaskEdited, e.TaskAssigned), _merge_task),
    **dict.fromkeys((e.TaskArchived, e.TaskRestored), _put_away),
    e.TaskDeleted: _drop_task,
    e.DueReminded: _remind,
    **dict.fromkeys((e.ChecklistItemAdded, e.ChecklistItemEdited, e.ChecklistItemRemoved), _merge_checklist),
    **dict.fromkeys((e.CommentAdded, e.CommentEdited, e.CommentDeleted), _merge_comment),
    **dict.fromkeys((e.MessageSent, e.MessageEdited, e.MessageReacted, e.MessageDeleted), _merge_message),
}
"""A look-up, where a `match` would go through the classes one after the other for each event of a replay."""
