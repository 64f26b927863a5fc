"""What is different between two moments of a project."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from collabcampus.domain.project import Project

PLAIN = ("name", "description", "archived")
"""What of a project is a value of its own."""
DERIVED = frozenset({"updatedAt"})
"""What changes whenever anything does."""


class Between(Struct, frozen=True):
    """Things that came, went and changed, by kind: `changed` has of each the fields as `[before, after]`."""

    project: dict[str, tuple[Any, Any]]
    added: dict[str, list[Any]]
    removed: dict[str, list[Any]]
    changed: dict[str, dict[str, dict[str, tuple[Any, Any]]]]


def between(before: Project, after: Project) -> Between:
    """What makes the second of the first; kinds of which nothing differs are left out."""
    old, new = _kinds(before), _kinds(after)
    plain = {name: (getattr(before, name), getattr(after, name)) for name in PLAIN}
    return Between(
        {name: values for name, values in plain.items() if values[0] != values[1]},
        _filled({kind: [thing for key, thing in new[kind].items() if key not in old[kind]] for kind in new}),
        _filled({kind: [thing for key, thing in old[kind].items() if key not in new[kind]] for kind in new}),
        _filled({kind: _changed(old[kind], new[kind]) for kind in new}),
    )


Things = Mapping[str, Mapping[str, Any]]


def _kinds(state: Project) -> dict[str, Things]:
    return {
        "columns": _plain((each.id, each) for each in state.columns),
        "labels": _plain(state.labels.items()),
        "members": _plain(state.members.items()),
        "tasks": _plain(state.tasks.items()),
        "comments": _plain(state.comments.items()),
        "messages": _plain(state.messages.items()),
    }


def _plain(things: Iterable[tuple[str, Struct]]) -> Things:
    return {key: msgspec.to_builtins(thing) for key, thing in things}


def _changed(old: Things, new: Things) -> dict[str, dict[str, tuple[Any, Any]]]:
    both = {key: _fields(old[key], new[key]) for key in new if key in old}
    return {key: fields for key, fields in both.items() if fields}


def _fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = (name for name in dict.fromkeys([*old, *new]) if name not in DERIVED)
    values = {name: (old.get(name), new.get(name)) for name in names}
    return {name: pair for name, pair in values.items() if pair[0] != pair[1]}


def _filled(kinds: dict[str, Any]) -> dict[str, Any]:
    return {kind: things for kind, things in kinds.items() if things}
