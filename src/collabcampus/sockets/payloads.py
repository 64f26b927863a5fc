"""Payloads of socket events: typed, strict, decoded once, straight from the bytes that came."""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec
from msgspec import Meta, Struct

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain.types import Id, explained
from collabcampus.log.past import Moment

T = TypeVar("T")


class _Payload(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    pass


class JoinProject(_Payload, frozen=True):
    """Enter a project's room; with `position`, resume after it; with `at`, look at the past and enter nothing."""

    project_id: Id
    position: Annotated[int, Meta(ge=0)] | None = None
    at: Annotated[int, Meta(ge=0, description="A position")] | Moment | None = None


class LeaveProject(_Payload, frozen=True):
    """Leave a project's room."""

    project_id: Id


class Typing(_Payload, frozen=True):
    """Somebody is typing: in the chat, or in a task."""

    project_id: Id
    task_id: Id | None = None


class Authenticate(_Payload, frozen=True):
    """A fresh access token for this socket."""

    token: str


class Wanted(Struct, frozen=True):
    """A command as it came: with the project it named, if any, and the commandId it brought, if any."""

    command: c.Command
    project_id: str | None
    command_id: str | None


Read = Callable[[tuple[msgspec.Raw, ...]], Wanted]


def reader(kind: type[c.Command]) -> Read:
    """What decodes a command's payload: the command's own fields, and beside them projectId and commandId."""
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(shape(kind))
    build = _builder(kind, [each.name for each in _own(kind)])

    def read(arguments: tuple[msgspec.Raw, ...]) -> Wanted:
        payload = payload_of(arguments, decoder)
        return Wanted(build(payload), payload.project_id, payload.command_id)

    return read


@cache
def shape(kind: type[c.Command]) -> type[Struct]:
    """What a client may send of a command over a socket."""
    types = get_type_hints(kind, include_extras=True)
    fields: list[Any] = [(each.name, types[each.name], each.default) for each in _own(kind)]
    return msgspec.defstruct(
        kind.__name__,
        [field if field[2] is not msgspec.NODEFAULT else field[:2] for field in [*fields, *_BESIDE]],
        frozen=True,
        kw_only=True,
        rename="camel",
        forbid_unknown_fields=True,
        namespace={"__doc__": kind.__doc__},
    )


def _own(kind: type[c.Command]) -> list[msgspec.structs.FieldInfo]:
    return [each for each in msgspec.structs.fields(kind) if each.name not in kind.door_fills]


_BESIDE: list[Any] = [("project_id", Id | None, None), ("command_id", Id | None, None)]


def _builder(kind: Any, names: list[str]) -> Callable[[Any], c.Command]:
    if not names:
        return lambda payload: kind()
    values = attrgetter(*names)
    if len(names) == 1:
        return lambda payload: kind(values(payload))
    return lambda payload: kind(*values(payload))


def payload_of(arguments: tuple[msgspec.Raw, ...], decoder: "msgspec.json.Decoder[T]") -> T:
    """The one object an event brings; InvalidPayload for anything else."""
    if len(arguments) != 1:
        raise errors.InvalidPayload(reason="one object is expected")
    try:
        return decoder.decode(arguments[0])
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise errors.InvalidPayload(reason=explained(str(error))) from None


def command_id_in(arguments: tuple[msgspec.Raw, ...]) -> dict[str, str]:
    """The commandId of a payload that may be wrong otherwise, to name it in a refusal."""
    try:
        found = _commanded.decode(arguments[0]).command_id if arguments else None
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        found = None
    return {"commandId": found} if found else {}


class _Commanded(Struct, frozen=True, rename="camel"):
    command_id: Id | None = None


_commanded = msgspec.json.Decoder(_Commanded)
