"""Reading Socket.IO packets: whatever is malformed is told apart from what is merely refused."""

import json
from typing import Any

import msgspec
from msgspec import Struct
from socketio import packet

RESERVED = frozenset({"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"})
"""Event names the protocol keeps for itself: a client that emits one is malformed."""

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


class Malformed(Exception):
    """Not a packet of the protocol; its connection is closed."""


class Json:
    """What python-socketio and python-engineio encode and decode JSON with."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        """Compact JSON."""
        return _encoder.encode(value).decode()

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


class Incoming(Struct, frozen=True):
    """A well-formed packet from a client."""

    kind: int
    namespace: str
    ack_id: int | None
    data: Any


def read(data: Any) -> Incoming:
    """Read one packet; Malformed for anything a Socket.IO client would not send here."""
    if not isinstance(data, str) or data[:1] not in {"0", "1", "2", "3"}:
        raise Malformed("binary, empty or of an unknown type")
    try:
        parsed = packet.Packet(encoded_packet=data)
    except (ValueError, RecursionError, IndexError) as error:
        raise Malformed(str(error)) from None
    incoming = Incoming(parsed.packet_type, parsed.namespace or "/", parsed.id, parsed.data)
    if parsed.attachment_count or not _fits(incoming):
        raise Malformed("not what a packet of this type holds")
    return incoming


def _fits(incoming: Incoming) -> bool:
    data = incoming.data
    match incoming.kind:
        case packet.EVENT:
            return isinstance(data, list) and bool(data) and isinstance(data[0], str) and data[0] not in RESERVED
        case packet.ACK:
            return isinstance(data, list) and incoming.ack_id is not None
        case packet.CONNECT:
            return data is None or isinstance(data, dict)
        case _:
            return data is None
