"""Shapes of events that today's Structs refuse, made into today's: pure, by type, tried where reading fails.

A field that came later has a default in its Struct and needs nothing here. What a default cannot say, a renamed field
or another kind of value, gets an upcaster, and its old bytes a golden line; the log itself is never rewritten.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

Upcast: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""From an event's old JSON to that of today."""

UPCASTERS: dict[str, Upcast] = {}
"""By the type that the log has. None of the shapes that were ever stored needs one so far."""
