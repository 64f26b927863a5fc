"""What commands have in common."""

from typing import ClassVar, TypeAlias

from msgspec import Struct, UnsetType

Filled: TypeAlias = str | UnsetType
"""What the door fills in."""


class Base(Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """What every command is: fields that are not known are refused. What is left out encodes as nothing, so that a
    command that gains a field is the same where it is not given."""

    door_fills: ClassVar[tuple[str, ...]] = ()
    """Fields that hold what a decision needs from elsewhere: the door looks it up, whatever a client sent."""
