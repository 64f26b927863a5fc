"""Events that say of what follows them that it takes a command back, or brings it about again."""

from collabcampus.domain.events.base import Base


class OfCommand(Base, frozen=True, rename="camel"):
    """About a command that was carried out before."""

    key_field = "undone"
    undone: str


class CommandUndone(OfCommand, frozen=True, rename="camel"):
    """What a command changed is as it was before it, by the events of the same command as this one."""


class CommandRedone(OfCommand, frozen=True, rename="camel"):
    """A command that was undone holds again, by the events of the same command as this one."""
