"""What events have in common: what each is about, and the values that several carry."""

from typing import ClassVar, TypeAlias

from msgspec import Struct, UnsetType


class Column(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A column of a board; `id` is a slug, `limit` how many tasks may be in it."""

    id: str
    name: str
    color: str | None = None
    limit: int | None = None


Notified: TypeAlias = tuple[str, ...] | UnsetType
"""Whom an event concerns, beside who did it: they are notified."""


class Base(Struct, frozen=True, rename="camel"):
    """What every event is: about one thing, whose id is in the field that `key_field` names."""

    key_field: ClassVar[str]

    @property
    def key(self) -> str:
        """The id of the thing this event is about."""
        return str(getattr(self, self.key_field))


class OfProject(Base, frozen=True, rename="camel"):
    """About the project itself."""

    key_field = "project_id"
    project_id: str


class OfMember(Base, frozen=True, rename="camel"):
    """About somebody's membership."""

    key_field = "user_id"
    user_id: str


class OfTask(Base, frozen=True, rename="camel"):
    """About a task."""

    key_field = "task_id"
    task_id: str


class OfMessage(Base, frozen=True, rename="camel"):
    """About a message."""

    key_field = "message_id"
    message_id: str


class OfLabel(Base, frozen=True, rename="camel"):
    """About a label."""

    key_field = "label_id"
    label_id: str


class OfInvitation(Base, frozen=True, rename="camel"):
    """About an invitation."""

    key_field = "invitation_id"
    invitation_id: str


class OfComment(Base, frozen=True, rename="camel"):
    """About a comment on a task."""

    key_field = "comment_id"
    comment_id: str
    task_id: str


class OfItem(Base, frozen=True, rename="camel"):
    """About an item of a task's checklist."""

    key_field = "item_id"
    item_id: str
    task_id: str


class OfColumn(Base, frozen=True, rename="camel"):
    """About a column. Carries all columns as they are afterwards: their order is one value."""

    key_field = "project_id"
    project_id: str
    column_id: str
    columns: tuple[Column, ...]
