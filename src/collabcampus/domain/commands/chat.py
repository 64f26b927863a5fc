"""Commands about the chat."""

from msgspec import UNSET, UnsetType

from collabcampus.domain.commands.base import Base
from collabcampus.domain.types import Emoji, Id, MessageText


class SendMessage(Base, frozen=True):
    """Say something in the project's chat; `mentions` are members who are told."""

    text: MessageText
    message_id: Id | UnsetType = UNSET
    reply_to: Id | None = None
    mentions: tuple[Id, ...] = ()


class EditMessage(Base, frozen=True):
    """Say it otherwise; one's own. Who was mentioned stays so unless `mentions` says who is."""

    message_id: Id
    text: MessageText
    mentions: tuple[Id, ...] | UnsetType = UNSET


class DeleteMessage(Base, frozen=True):
    """Take a message away: one's own, or any as an owner."""

    message_id: Id


class ReactToMessage(Base, frozen=True):
    """React to a message with an emoji, or take that back."""

    message_id: Id
    emoji: Emoji
    on: bool = True
