"""`docs/rules.md`: who may do what, and how much there may be of everything, as `domain/` has it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from collabcampus.domain import commands as c
from collabcampus.domain import limits, permissions
from collabcampus.domain.types import ROLES
from collabcampus.settings import BODY_LIMIT

_HEAD = """# Rules

Written by `scripts/contracts` from `domain/permissions.py` and `domain/limits.py`; a test holds that it is so.

## Who may do what

Whoever has no place in a project is told that there is no such project, whatever they ask. Everybody in it may read
all of it. Beyond that each command takes a role; a role may do what those before it may.

"""
_BESIDE = """
Whoever is signed in may make a project (`create_project`), and come in by an invitation that is meant for them and
in force (`accept_invitation`). Everybody may leave (`remove_member` with one's own id). Comments and messages are
edited by their author alone, and deleted by their author or an owner. Where a project's owners are all
disabled or gone, an administrator of the server appoints one (over HTTP alone). An archived project takes
{archived} and nothing else.

## How much

Beyond a limit a command is refused as `limit_reached`, and says which one. A text that is too long, a number that is
too large, or too many tasks named in one command, is refused as invalid. A text's length is counted in characters.
What it comes in, a packet or an HTTP body, has at most {packet:,} bytes as it is sent, and a character takes up to
4 of them in UTF-8, or 12 where a client escapes it: a larger body is answered with 413, a larger packet closes its
connection ([clients.md](clients.md)).

| limit | at most | |
|---|---|---|
"""


def rules() -> str:
    """The document."""
    header = f"| command | {' | '.join(ROLES)} |\n|---|{'---|' * len(ROLES)}\n"
    archived = ", ".join(f"`{_names()[kind]}`" for kind in permissions.WHEN_ARCHIVED)
    return (
        _HEAD
        + header
        + "".join(_permitted())
        + _BESIDE.format(archived=archived, packet=BODY_LIMIT)
        + "".join(_limits())
    )


def _names() -> dict[type[c.Command], str]:
    return {kind: name for name, kind in c.COMMANDS.items() if name != "task_moved"}


def _permitted() -> Iterator[str]:
    names = _names()
    for kind, least in permissions.LEAST_ROLE.items():
        may = " | ".join("yes" if permissions.at_least(role, least) else "" for role in ROLES)
        yield f"| `{names[kind]}` | {may} |\n"


def _limits() -> Iterator[str]:
    """The constants in their order, with what is said of them."""
    body = ast.parse(Path(limits.__file__).read_text()).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        match node, following:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=int(most))), ast.Expr(
                value=ast.Constant(value=str(said))
            ):
                yield f"| {_words(name)} | {most:,} | {said} |\n"
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=int(most))), _:
                yield f"| {_words(name)} | {most:,} | |\n"


def _words(name: str) -> str:
    return name.lower().replace("_", " ")
