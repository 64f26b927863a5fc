"""Events with bytes in them: a packet with placeholders, and behind it as many binary messages as it announces.

The product's clients send none. Who allows them says how many an event may have; more is malformed.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from socketio import packet

from collabcampus.sockets import frames, packets
from collabcampus.sockets.frames import Frame
from collabcampus.sockets.packets import Asked, Incoming, Json, Malformed

MOST = 10
"""Attachments an event may have where any are allowed."""
_ANNOUNCED = re.compile(r"([56])(\d{1,9})-(.*)", re.ASCII | re.DOTALL)
_PLACEHOLDER = "_placeholder"


class Announced:
    """An event whose attachments are still coming."""

    def __init__(self, text: str, most: int) -> None:
        """Read the packet that comes first; Malformed for one that is none."""
        parts = _ANNOUNCED.fullmatch(text)
        if not parts or int(parts[2]) > most:
            raise Malformed("no announcement, or of too many attachments")
        kind, self._count = int(parts[1]) - (packet.BINARY_EVENT - packet.EVENT), int(parts[2])
        self._packet = packets.read(f"{kind}{parts[3]}")
        self._came: list[bytes] = []
        if sorted(_placeholders(self._data)) != list(range(self._count)):
            raise Malformed("the placeholders are not those announced")

    @property
    def namespace(self) -> str:
        """Where it belongs."""
        return packets.MAIN if isinstance(self._packet, Asked) else self._packet.namespace

    @property
    def complete(self) -> bool:
        """Whether all have come."""
        return len(self._came) == self._count

    def add(self, attachment: bytes) -> None:
        """Take the next attachment."""
        self._came.append(attachment)

    def packet(self) -> Asked | Incoming:
        """The packet with its attachments."""
        whole, attachments = self._packet, tuple(self._came)
        if isinstance(whole, Asked):
            return msgspec.structs.replace(whole, attachments=attachments)
        if isinstance(whole.data, Asked):
            asked = msgspec.structs.replace(whole.data, attachments=attachments)
            return Incoming(whole.kind, whole.namespace, asked)
        return whole

    @property
    def _data(self) -> Any:
        whole = self._packet if isinstance(self._packet, Asked) else self._packet.data
        return _decoded(whole) if isinstance(whole, Asked) else whole


def values(asked: Asked) -> list[Any]:
    """The arguments of an event, with its bytes where they belong."""
    decoded = _decoded(asked)
    return [_restored(each, asked.attachments) for each in decoded] if asked.attachments else decoded


def encoded(kind: int, namespace: str, data: Sequence[Any], ack_id: int | None = None) -> Frame:
    """An event (`data` is its name and arguments) or an acknowledgement, bytes within as attachments."""
    text = packet.Packet(kind, data=list(data), namespace=namespace, id=ack_id).encode()
    if isinstance(text, str):
        return frames.of_packet(f"4{text}".encode())
    head, *attachments = text
    return frames.together([frames.of_packet(f"4{head}".encode()), *map(frames.of_binary, attachments)])


def _decoded(asked: Asked) -> list[Any]:
    return [Json.loads(bytes(argument).decode()) for argument in asked.arguments]


def _restored(data: Any, attachments: Sequence[bytes]) -> Any:
    match data:
        case dict() if data.get(_PLACEHOLDER) is True:
            return attachments[data["num"]]
        case dict():
            return {name: _restored(each, attachments) for name, each in data.items()}
        case list():
            return [_restored(each, attachments) for each in data]
        case _:
            return data


def _placeholders(data: Any) -> Iterator[int]:
    """The number of each placeholder; Malformed for one that has none. What is nested deep needs no deep stack."""
    rest = [data]
    while rest:
        match rest.pop():
            case dict() as found if found.get(_PLACEHOLDER) is True:
                number = found.get("num")
                if type(number) is not int:
                    raise Malformed("a placeholder without a number")
                yield number
            case dict() as found:
                rest += found.values()
            case list() as found:
                rest += found
