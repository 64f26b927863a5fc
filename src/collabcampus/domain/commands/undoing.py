"""Commands that take a command back, or bring it about again."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from collabcampus.domain.commands.base import Base
from collabcampus.domain.events import Recorded
from collabcampus.domain.project import Project
from collabcampus.domain.types import Id

Named = Annotated[int, Meta(ge=1)]


class Undo(Base, frozen=True):
    """Take back what a command changed: one's own last one, unless it says whose.

    `ofCommand` is its commandId, `position` that of an event it brought about.
    """

    door_fills = ("past",)
    of_command: Id | UnsetType = UNSET
    position: Named | UnsetType = UNSET
    past: "Past | UnsetType" = UNSET


class Redo(Base, frozen=True):
    """Bring about again what was undone: what one undid last, unless it says what.

    `ofCommand` is the commandId of what was undone, `position` that of an event it brought about.
    """

    door_fills = ("past",)
    of_command: Id | UnsetType = UNSET
    position: Named | UnsetType = UNSET
    past: "Past | UnsetType" = UNSET


class Past(Struct, frozen=True):
    """What the log has of a command that is to be undone or redone.

    `own` are the events to be taken back, none where that has happened already: the command's, or those that undid or
    redid it last. `before` is the state before them, of the things they are about alone.
    `restored` are the positions since at which an undo or a redo set something of them: what brought a value back
    did not build on it.
    """

    command_id: str
    own: tuple[Recorded, ...]
    before: Project
    restored: frozenset[int] = frozenset()
