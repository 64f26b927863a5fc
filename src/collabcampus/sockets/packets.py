"""Reading Socket.IO packets: whatever is malformed is told apart from what is merely refused."""

import json
import re
from typing import Any

import msgspec
from msgspec import Struct
from socketio import packet

RESERVED = frozenset({"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"})
"""Event names the protocol keeps for itself: a client that emits one is malformed."""

BINARY_KINDS = ("5", "6")
MAIN = "/"
ACK_ID_DIGITS = 15

_PACKET = re.compile(rf"([0-3])(?:(/[^,?]*)(?:\?[^,]*)?,?)?(\d{{0,{ACK_ID_DIGITS}}})(?!\d)(.*)", re.ASCII | re.DOTALL)
_one_argument = msgspec.json.Decoder(tuple[str, msgspec.Raw])
_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


class Malformed(Exception):
    """Not a packet of the protocol; its connection is closed."""


class Json:
    """What python-socketio and python-engineio encode and decode JSON with."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        """Compact JSON."""
        try:
            return _encoder.encode(value).decode()
        except UnicodeEncodeError:
            return json.dumps(value, separators=(",", ":"))  # a lone surrogate goes as it came, escaped

    @staticmethod
    def loads(text: str, **_: Any) -> Any:
        """Any JSON; ValueError for everything else, absurd nesting among it."""
        try:
            return _decoder.decode(text)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        except (msgspec.MsgspecError, UnicodeError):
            # The standard library reads lone surrogates, which are then refused as a value, and names what is wrong.
            return json.loads(text, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class Asked(Struct, frozen=True, eq=False):
    """An event a client sent, its arguments well-formed JSON, and the acknowledgement it wants, if any.

    Where an argument holds `{"_placeholder": true, "num": n}`, one of `attachments` belongs.
    """

    event: str
    arguments: tuple[msgspec.Raw, ...]
    ack_id: int | None
    attachments: tuple[bytes, ...] = ()


class Incoming(Struct, frozen=True, eq=False):
    """A well-formed packet from a client that is no event of the main namespace; an event's data is an Asked."""

    kind: int
    namespace: str
    data: Any


def read(data: str | bytes) -> Asked | Incoming:
    """Read one packet; Malformed for anything a Socket.IO client would not send here."""
    if isinstance(data, str):
        # Nearly everything clients send is an event of the main namespace.
        at = data.find("[", 1, 1 + ACK_ID_DIGITS)
        if data[:1] == "2" and at > 0 and ((number := data[1:at]) == "" or (number.isascii() and number.isdigit())):
            return _event(data[at:], int(number) if number else None)
        if parts := _PACKET.fullmatch(data):
            return _read(*parts.groups())
    raise Malformed("binary attachments are not taken" if _is_binary(data) else "empty, or of an unknown type")


def _is_binary(data: str | bytes) -> bool:
    return isinstance(data, bytes) or data[:1] in BINARY_KINDS


def _read(kind: str, namespace: str | None, ack_id: str, rest: str) -> Asked | Incoming:
    if kind == "2":
        asked = _event(rest, int(ack_id) if ack_id else None)
        return asked if (namespace or MAIN) == MAIN else Incoming(packet.EVENT, namespace or MAIN, asked)
    try:
        data = Json.loads(rest) if rest else None
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error)) from None
    if not _fits(int(kind), ack_id, data):
        raise Malformed("not what a packet of this type holds")
    return Incoming(int(kind), namespace or MAIN, data)


def _event(text: str, ack_id: int | None) -> Asked:
    try:
        event, argument = _one_argument.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        event, *arguments = _any_arguments(text)
        asked = Asked(event, tuple(arguments), ack_id)
    else:
        asked = Asked(event, (argument,), ack_id)
    if event in RESERVED:
        raise Malformed("a name the protocol keeps for itself")
    return asked


def _any_arguments(text: str) -> Any:
    """Name and arguments of an event that has not just one, or whose texts hold what UTF-8 cannot."""
    try:
        data = Json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error)) from None
    if not (isinstance(data, list) and data and isinstance(data[0], str)):
        raise Malformed("no event")
    try:
        return [data[0], *(msgspec.Raw(json.dumps(each, allow_nan=False).encode()) for each in data[1:])]
    except ValueError:
        raise Malformed("a number beyond all that can be held") from None


def _fits(kind: int, ack_id: str, data: Any) -> bool:
    match kind:
        case packet.ACK:
            return isinstance(data, list) and bool(ack_id)
        case packet.CONNECT:
            return data is None or isinstance(data, dict)
        case _:
            return data is None
