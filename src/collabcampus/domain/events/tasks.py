"""Events of tasks, with their checklists and comments."""

from msgspec import UNSET, UnsetType

from collabcampus.domain.events.base import Notified, OfComment, OfItem, OfTask


class TaskCreated(OfTask, frozen=True, rename="camel"):
    """A task came to the board, with all its values."""

    title: str
    description: str
    status: str
    rank: str
    assignees: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    priority: str | None = None
    due_date: str | None = None
    start_date: str | None = None
    estimate: float | None = None
    notifies: Notified = UNSET
    cover: str | None = None


class TaskEdited(OfTask, frozen=True, rename="camel"):
    """Values of a task changed, those that are here."""

    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    labels: tuple[str, ...] | UnsetType = UNSET
    priority: str | UnsetType | None = UNSET
    due_date: str | UnsetType | None = UNSET
    start_date: str | UnsetType | None = UNSET
    estimate: float | UnsetType | None = UNSET
    cover: str | UnsetType | None = UNSET


class TaskMoved(OfTask, frozen=True, rename="camel"):
    """A task came to a place: its column and its rank there."""

    status: str
    rank: str


class TaskAssigned(OfTask, frozen=True, rename="camel"):
    """A task's assignees became these."""

    assignees: tuple[str, ...]
    notifies: Notified = UNSET


class TaskArchived(OfTask, frozen=True, rename="camel"):
    """A task was put away."""

    archived: bool = True


class TaskRestored(OfTask, frozen=True, rename="camel"):
    """A task came back to the board, to a place."""

    status: str
    rank: str
    archived: bool = False


class TaskDeleted(OfTask, frozen=True, rename="camel", omit_defaults=True):
    """A task left the board, and with it these comments and checklist items; all their ids are spent."""

    comments: tuple[str, ...] = ()
    items: tuple[str, ...] = ()


class DueReminded(OfTask, frozen=True, rename="camel"):
    """A task's assignees were reminded that it is due."""

    reminded: str
    notifies: Notified = UNSET


class ChecklistItemAdded(OfItem, frozen=True, rename="camel"):
    """An item came to a task's checklist."""

    text: str
    done: bool
    rank: str


class ChecklistItemEdited(OfItem, frozen=True, rename="camel"):
    """An item's text, tick or place changed."""

    text: str | UnsetType = UNSET
    done: bool | UnsetType = UNSET
    rank: str | UnsetType = UNSET


class ChecklistItemRemoved(OfItem, frozen=True, rename="camel"):
    """An item left the checklist; its id is spent."""


class CommentAdded(OfComment, frozen=True, rename="camel"):
    """Somebody commented on a task, which has so many comments by now."""

    text: str
    comment_count: int
    mentions: tuple[str, ...] = ()
    notifies: Notified = UNSET


class CommentEdited(OfComment, frozen=True, rename="camel"):
    """A comment's text became another."""

    text: str
    mentions: tuple[str, ...] = ()
    notifies: Notified = UNSET


class CommentDeleted(OfComment, frozen=True, rename="camel"):
    """A comment is gone; the task has so many by now."""

    comment_count: int
