"""What can be set, in words: for `serve --help`, and for `docs/settings.md`, from what each field says of itself."""

from collections.abc import Iterator
from typing import Annotated, Any, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from collabcampus.settings import PREFIX, Settings

_HEAD = """# Settings

Written by `scripts/contracts` from `settings.py`; a test holds that it is so.

Each is a variable of the environment; where `collabcampus serve --help` has an option of the same name, that
overrules it. A wrong value is refused at the start by its name (exit 2).

| variable | unless set | |
|---|---|---|
"""


class Described(Struct, frozen=True):
    """A setting: its variable, what it is unless set (empty where the description says), and what it does."""

    variable: str
    default: str
    description: str


def described() -> Iterator[Described]:
    """All there are, in their order."""
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        yield Described(PREFIX + field.name.upper(), _shown(field.default), _said(hints[field.name]))


def for_help() -> str:
    """The help of `serve`: one setting a paragraph."""
    each = (f"{one.variable}{f' ({one.default})' if one.default else ''}: {one.description}." for one in described())
    return "\n\n".join(("Run the server until SIGTERM or SIGINT.", "Settings come from the environment, too:", *each))


def page() -> str:
    """docs/settings.md."""
    rows = (
        f"| `{one.variable}` | {f'`{one.default}`' if one.default else ''} | {one.description} |"
        for one in described()
    )
    return _HEAD + "\n".join(rows) + "\n"


def _said(hint: Any) -> str:
    assert get_origin(hint) is Annotated, "every setting is described"
    return next(each.description for each in hint.__metadata__ if isinstance(each, Meta) and each.description)


def _shown(default: Any) -> str:
    match default:
        case bool():
            return str(default).lower()
        case int() | str():
            return str(default)
        case tuple():
            return ",".join(default)
        case _:
            return ""
