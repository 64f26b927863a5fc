"""Events of the chat."""

from msgspec import UNSET

from collabcampus.domain.events.base import Notified, OfMessage


class MessageSent(OfMessage, frozen=True, rename="camel"):
    """Somebody said something in the project's chat."""

    text: str
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()
    notifies: Notified = UNSET


class MessageEdited(OfMessage, frozen=True, rename="camel"):
    """What was said became something else."""

    text: str
    mentions: tuple[str, ...] = ()
    notifies: Notified = UNSET


class MessageReacted(OfMessage, frozen=True, rename="camel"):
    """A message's reactions became these: people by emoji."""

    reactions: dict[str, tuple[str, ...]]


class MessageDeleted(OfMessage, frozen=True, rename="camel"):
    """What was said is gone; its id is spent."""
