"""What a project is made of, as clients see it."""

from msgspec import Struct

from collabcampus.domain.types import Role


class Member(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Somebody with a place in the project; `provider` is the identity provider whose groups gave it."""

    user_id: str
    role: Role
    provider: str | None = None


class Item(Struct, frozen=True, rename="camel"):
    """An item of a task's checklist; `rank` sorts bytewise within it."""

    item_id: str
    task_id: str
    text: str
    done: bool
    rank: str


class Task(Struct, frozen=True, rename="camel"):
    """A task as clients see it. `status` is a column's id, `rank` sorts bytewise within it."""

    task_id: str
    title: str
    description: str
    status: str
    rank: str
    assignees: tuple[str, ...]
    labels: tuple[str, ...]
    priority: str | None
    due_date: str | None
    start_date: str | None
    estimate: float | None
    created_by: str
    created_at: str
    updated_at: str
    archived: bool = False
    reminded: str | None = None
    cover: str | None = None
    comment_count: int = 0
    checklist: tuple[Item, ...] = ()


class Label(Struct, frozen=True, rename="camel"):
    """A label that tasks may have."""

    label_id: str
    name: str
    color: str | None


class Invitation(Struct, frozen=True, rename="camel"):
    """A way in for whoever has its secret; `expires_at` is a day or a moment, whose end it ends with."""

    invitation_id: str
    role: Role
    secret_hash: str
    address_digest: str | None
    expires_at: str | None
    max_uses: int | None
    created_by: str
    created_at: str
    uses: int = 0


class Comment(Struct, frozen=True, rename="camel"):
    """Something said about a task."""

    comment_id: str
    task_id: str
    text: str
    mentions: tuple[str, ...]
    author: str
    at: str
    edited_at: str | None = None


class Message(Struct, frozen=True, rename="camel"):
    """Something said in the project's chat."""

    message_id: str
    text: str
    author: str
    at: str
    position: int
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()
    reactions: dict[str, tuple[str, ...]] = {}
    edited_at: str | None = None
