"""What goes down the sockets: each committed event as exactly one frame, encoded once for everybody."""

import base64
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from collabcampus.domain import events as e

_TEXT, _BINARY = 0x81, 0x82
_encoder = msgspec.json.Encoder()


class Frame(Struct, frozen=True, eq=False):
    """Engine.IO packets that leave together, encoded for either transport.

    `wire` is the same packets as websocket frames from a server, back to back. `shared` bytes are held once for
    many clients, as a snapshot is: a client's bound does not count them.
    """

    packets: tuple[bytes, ...]
    wire: bytes
    shared: bool = False


def frame(event: str, payload: dict[str, Any]) -> Frame:
    """A Socket.IO event of the main namespace."""
    return of_packet(b"42" + _encoder.encode([event, payload]))


def of_raw(event: str, payload_json: bytes, *, shared: bool = False) -> Frame:
    """A Socket.IO event whose payload is encoded already."""
    return of_packet(b"42[%b,%b]" % (_encoder.encode(event), payload_json), shared=shared)


def acknowledgement(ack_id: int, answer: dict[str, Any]) -> Frame:
    """The answer to a packet that asked for one."""
    return acknowledgement_raw(ack_id, _encoder.encode(answer))


def acknowledgement_raw(ack_id: int, answer_json: bytes) -> Frame:
    """The answer to a packet that asked for one, encoded already."""
    return of_packet(b"43%d[%b]" % (ack_id, answer_json))


def of_packet(packet: bytes, *, shared: bool = False) -> Frame:
    """One Engine.IO packet that is text."""
    return Frame((packet,), _header(_TEXT, len(packet)) + packet, shared)


def of_binary(data: bytes) -> Frame:
    """One binary Engine.IO message."""
    return Frame((b"b" + base64.b64encode(data),), _header(_BINARY, len(data)) + data)


def together(several: Iterable[Frame]) -> Frame:
    """Several frames as one burst, in their order."""
    each = tuple(several)
    packets = tuple(packet for frame in each for packet in frame.packets)
    return Frame(packets, b"".join(frame.wire for frame in each), all(frame.shared for frame in each))


def _header(kind: int, length: int) -> bytes:
    if length < 126:
        return bytes((kind, length))
    if length < 65_536:
        return bytes((kind, 126)) + length.to_bytes(2, "big")
    return bytes((kind, 127)) + length.to_bytes(8, "big")


def of_event(recorded: e.Recorded) -> tuple[str, dict[str, Any]]:
    """The name and payload clients hear of a committed event."""
    event = recorded.event
    changes = msgspec.Raw(e.encode_event(event))
    match event:
        case e.MessageSent(message_id=message_id, text=text):
            return "new_message", _envelope(
                recorded, {"messageId": message_id, "text": text, "author": recorded.actor}
            )
        case e.TaskCreated(task_id=task_id, status=status) | e.TaskMoved(task_id=task_id, status=status):
            about = {"taskId": task_id, "newStatus": status, "changes": changes, "actor": recorded.actor}
            return "task_updated", _envelope(recorded, about)
        case e.TaskEdited() | e.TaskAssigned() | e.TaskDeleted():
            about = {"taskId": event.task_id, "changes": changes, "actor": recorded.actor}
            return "task_updated", _envelope(recorded, about)
        case e.MemberAdded() | e.MemberRoleChanged() | e.MemberRemoved():
            about = {"userId": event.user_id, "changes": changes, "actor": recorded.actor}
            return "member_updated", _envelope(recorded, about)
        case e.ProjectCreated() | e.ProjectEdited():
            return "project_updated", _envelope(recorded, {"changes": changes, "actor": recorded.actor})


def _envelope(recorded: e.Recorded, about: dict[str, Any]) -> dict[str, Any]:
    return {
        "projectId": recorded.project_id,
        "position": recorded.position,
        "type": recorded.type,
        **about,
        "at": recorded.at,
        "commandId": recorded.command_id,
    }


class SocketFrames:
    """How the rooms' news become frames."""

    def event(self, recorded: e.Recorded) -> Frame:
        """The one frame of a committed event."""
        return frame(*of_event(recorded))

    def presence(self, event: str, project_id: str, user_id: str, name: str, online: list[str]) -> Frame:
        """The frame of `user_joined` or `user_left`."""
        return frame(event, {"projectId": project_id, "userId": user_id, "name": name, "online": online})
