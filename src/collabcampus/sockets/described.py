"""AsyncAPI of the sockets, from the Structs that decode what clients send and those that say what they are told."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import Struct

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.identity import errors as identity_errors
from collabcampus.sockets import payloads, told

_CHANNEL = "socket"
_AT = {"$ref": f"#/channels/{_CHANNEL}"}
_HOW = """Any Socket.IO client of protocol 5 (Engine.IO 4) at `/socket.io/`, by websocket or long polling, with
`{auth: {token}}`, the access token of `POST /login` or an API token. The events of a project reach every socket in
its room as exactly one frame each, in order, with a dense `position`: n followed by n + 2 means a gap. With
`recovery: true` beside the token, CONNECT is answered with a `pid` too, and behind the payload of events in the one
room comes an offset, a string: Socket.IO's connection state recovery."""

_ROOMS: dict[str, tuple[type[Struct], type[Struct]]] = {
    "join_project": (payloads.JoinProject, told.Accepted),
    "leave_project": (payloads.LeaveProject, told.Done),
    "typing": (payloads.Typing, told.Done),
    "authenticate": (payloads.Authenticate, told.Done),
}
_TOLD: dict[str, tuple[type[Struct], ...]] = {
    "welcome": (told.Welcome,),
    "project_joined": (told.ProjectJoined, told.ProjectResumed, told.ProjectPast),
    "user_joined": (told.Presence,),
    "user_left": (told.Presence,),
    "presence": (told.Crowd,),
    "typing": (told.SomebodyTypes,),
    "head": (told.Head,),
    "notification": (told.Notification,),
    "project_left": (told.ProjectLeft,),
    "command_rejected": (told.CommandRejected,),
    "resync": (told.Resync,),
    "connect_error": (told.ConnectError,),
}
_LOGGED = {
    "task_updated": "About a task. `newStatus` where the event set its column; `changes` are all its new values.",
    "new_message": "Somebody said something in the project's chat.",
    "member_updated": "A member, or a way to become one.",
    "project_updated": "The project itself: its words, columns and labels, and messages that became something else.",
}


def kinds_of_refusals() -> list[type[errors.Refused]]:
    """Every kind of refusal, of the domain and of who is let in."""
    modules = (errors, identity_errors)
    found = {each for module in modules for each in vars(module).values() if isinstance(each, type)}
    return [each for each in found if issubclass(each, errors.Refused) and each is not errors.Refused]


def codes() -> list[str]:
    """Every code there is."""
    return sorted([*(kind().code for kind in kinds_of_refusals()), "internal_error"])


def asked() -> dict[str, tuple[type[Struct], type[Struct]]]:
    """What clients send, by event: the payload, and the acknowledgement where it is accepted."""
    commands = {name: (payloads.shape(kind), told.answer_to(kind)) for name, kind in c.COMMANDS.items()}
    return {**_ROOMS, **commands}


def heard() -> dict[str, tuple[type[Struct], ...]]:
    """What clients are told, by event: the payloads that it may have."""
    return {**_TOLD, **{name: tuple(kinds) for name, kinds in told.frames_of_events().items()}}


def as_json(host: str) -> bytes:
    """The description as it is served to who asked this host."""
    server = asyncapi()["servers"]["local"]
    return json.dumps(
        {**asyncapi(), "servers": {"this": {**server, "host": host or server["host"]}}}, ensure_ascii=False
    ).encode()


@cache
def asyncapi() -> dict[str, Any]:
    """The whole description."""
    messages = dict([*_asked_messages(), *_told_messages()])
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "CollabCampus sockets", "version": version("collabcampus"), "description": cleandoc(_HOW)},
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:8000",
                "pathname": "/socket.io/",
                "protocol": "socketio",
                "security": [{"$ref": "#/components/securitySchemes/token"}],
            }
        },
        "channels": {_CHANNEL: {"address": "/", "messages": {name: _ref("messages", name) for name in messages}}},
        "operations": {**_asked_operations(), **_told_operations()},
        "components": {"messages": messages, "schemas": _schemas(), "securitySchemes": {"token": _TOKEN}},
    }


_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "In Socket.IO's `auth`, as `token`",
}


def _asked_operations() -> dict[str, Any]:
    return {
        f"ask.{event}": {
            "action": "receive",
            "channel": _AT,
            "title": event,
            "summary": _says(payload),
            "messages": [_on_channel(f"ask.{event}")],
            "reply": {"channel": _AT, "messages": [_on_channel(f"answer.{event}"), _on_channel("refusal")]},
        }
        for event, (payload, _) in asked().items()
    }


def _told_operations() -> dict[str, Any]:
    return {
        f"tell.{event}": {
            "action": "send",
            "channel": _AT,
            "title": event,
            "summary": _LOGGED.get(event) or _says(payloads[0]),
            "messages": [_on_channel(f"tell.{event}")],
        }
        for event, payloads in heard().items()
    }


def _asked_messages() -> Iterator[tuple[str, Any]]:
    for event, (payload, answer) in asked().items():
        yield f"ask.{event}", {"name": event, "summary": _says(payload), "payload": _ref("schemas", _name(payload))}
        yield f"answer.{event}", {"name": "ack", "summary": _says(answer), "payload": _ref("schemas", _name(answer))}
    yield "refusal", {"name": "ack", "summary": _says(told.Refusal), "payload": _ref("schemas", "Refusal")}


def _told_messages() -> Iterator[tuple[str, Any]]:
    for event, kinds in heard().items():
        references = [_ref("schemas", _name(each)) for each in kinds]
        yield f"tell.{event}", {"name": event, "payload": references[0] if len(kinds) == 1 else {"oneOf": references}}


def _schemas() -> dict[str, Any]:
    kinds = dict.fromkeys(_all(asked().values())) | dict.fromkeys(_all(heard().values())) | {told.Refusal: None}
    _, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for name in ("Error", "Reason"):
        components[name]["properties"]["code"] = {"type": "string", "enum": codes()}
    components["ProjectResumed"]["properties"]["events"]["items"] = _missed()
    return components


def _missed() -> dict[str, Any]:
    """A frame's payload with the frame's name in it."""
    named = told.frames_of_events()
    payload = {"oneOf": [_ref("schemas", _name(each)) for each in _all(named.values())]}
    name = {"type": "object", "properties": {"event": {"enum": list(named)}}, "required": ["event"]}
    return {"allOf": [payload, name]}


def _all(several: Iterable[Iterable[type[Struct]]]) -> Iterator[type[Struct]]:
    return (each for kinds in several for each in kinds)


def _ref(section: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{section}/{name}"}


def _on_channel(message: str) -> dict[str, str]:
    return {"$ref": f"#/channels/{_CHANNEL}/messages/{message}"}


def _name(kind: type[Struct]) -> str:
    return kind.__name__


def _says(kind: type[Struct]) -> str:
    return cleandoc(kind.__doc__ or "").partition("\n")[0]
