"""Commands about tasks, with their checklists and comments."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from collabcampus.domain import limits
from collabcampus.domain.commands.base import Base
from collabcampus.domain.things import Task
from collabcampus.domain.types import (
    Color,
    CommentText,
    Day,
    Description,
    Estimate,
    Id,
    ItemText,
    Priority,
    Slug,
    Title,
)

TaskIds = Annotated[tuple[Id, ...], Meta(min_length=1, max_length=limits.TASKS_PER_COMMAND)]


class CreateTask(Base, frozen=True):
    """Put a task on the board: last in the first column unless it says where."""

    title: Title
    task_id: Id | UnsetType = UNSET
    description: Description = ""
    status: Slug | UnsetType = UNSET
    assignees: tuple[Id, ...] = ()
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET
    labels: tuple[Id, ...] = ()
    priority: Priority | None = None
    due_date: Day | None = None
    start_date: Day | None = None
    estimate: Estimate | None = None
    cover: Color | None = None


class EditTask(Base, frozen=True):
    """Change any editable field of a task, its place among them; labels and assignees as a whole, or some added and
    some removed.

    With `base_position`, what was changed by others since is not overwritten: EditConflict.
    """

    task_id: Id
    title: Title | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    assignees: tuple[Id, ...] | UnsetType = UNSET
    status: Slug | UnsetType = UNSET
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET
    labels: tuple[Id, ...] | UnsetType = UNSET
    priority: Priority | UnsetType | None = UNSET
    due_date: Day | UnsetType | None = UNSET
    start_date: Day | UnsetType | None = UNSET
    estimate: Estimate | UnsetType | None = UNSET
    cover: Color | UnsetType | None = UNSET
    base_position: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    add_labels: tuple[Id, ...] = ()
    remove_labels: tuple[Id, ...] = ()
    add_assignees: tuple[Id, ...] = ()
    remove_assignees: tuple[Id, ...] = ()


class MoveTask(Base, frozen=True):
    """Drag a task to a column, before or after another task where it says so."""

    task_id: Id
    status: Slug
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET


class MoveTasks(Base, frozen=True):
    """Drag several tasks together; they keep the order in which they are named."""

    task_ids: TaskIds
    status: Slug
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET


class EditTasks(Base, frozen=True):
    """Change several tasks alike; labels and assignees as a whole, or some added and some removed."""

    task_ids: TaskIds
    assignees: tuple[Id, ...] | UnsetType = UNSET
    labels: tuple[Id, ...] | UnsetType = UNSET
    priority: Priority | UnsetType | None = UNSET
    due_date: Day | UnsetType | None = UNSET
    start_date: Day | UnsetType | None = UNSET
    estimate: Estimate | UnsetType | None = UNSET
    cover: Color | UnsetType | None = UNSET
    archived: bool | UnsetType = UNSET
    add_labels: tuple[Id, ...] = ()
    remove_labels: tuple[Id, ...] = ()
    add_assignees: tuple[Id, ...] = ()
    remove_assignees: tuple[Id, ...] = ()


class AssignTask(Base, frozen=True):
    """Say who a task's assignees are: all of them. With `base_position` as in EditTask."""

    task_id: Id
    assignees: tuple[Id, ...]
    base_position: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class ArchiveTask(Base, frozen=True):
    """Put a task away."""

    task_id: Id


class RestoreTask(Base, frozen=True):
    """Bring an archived task back, to the end of its column."""

    task_id: Id


class DeleteTask(Base, frozen=True):
    """Take a task off the board for good."""

    task_id: Id


class CopyTask(Base, frozen=True):
    """Copy a task from where it is into this project: its words, dates, estimate and checklist; in its own project
    its labels too."""

    door_fills = ("copied",)
    task_id: Id
    status: Slug | UnsetType = UNSET
    copied: "Copied | UnsetType" = UNSET


class AddChecklistItem(Base, frozen=True):
    """Add an item to a task's checklist, last unless it says where."""

    task_id: Id
    text: ItemText
    item_id: Id | UnsetType = UNSET
    done: bool = False
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET


class EditChecklistItem(Base, frozen=True):
    """Change an item's text, tick it, or put it elsewhere in the list."""

    task_id: Id
    item_id: Id
    text: ItemText | UnsetType = UNSET
    done: bool | UnsetType = UNSET
    before: Id | UnsetType = UNSET
    after: Id | UnsetType = UNSET


class RemoveChecklistItem(Base, frozen=True):
    """Take an item off a task's checklist."""

    task_id: Id
    item_id: Id


class AddComment(Base, frozen=True):
    """Comment on a task; `mentions` are members who are told."""

    task_id: Id
    text: CommentText
    comment_id: Id | UnsetType = UNSET
    mentions: tuple[Id, ...] = ()


class EditComment(Base, frozen=True):
    """Say it otherwise; one's own. Who was mentioned stays so unless `mentions` says who is."""

    task_id: Id
    comment_id: Id
    text: CommentText
    mentions: tuple[Id, ...] | UnsetType = UNSET


class DeleteComment(Base, frozen=True):
    """Take a comment away: one's own, or any as an owner."""

    task_id: Id
    comment_id: Id


class Copied(Struct, frozen=True):
    """What a task's copy is made of, with the ids that the copies get."""

    task_id: str
    original: Task
    item_ids: tuple[str, ...]
    labels: tuple[str, ...] = ()


class RemindDue(Base, frozen=True):
    """Remind a task's assignees that it is due then: the system's own command, which no client can send."""

    task_id: Id
    due_date: Day
