"""What goes down the sockets: each committed event as exactly one frame, encoded once for everybody."""

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from collabcampus.domain import events as e
from collabcampus.live import views
from collabcampus.live.typists import Typing

_FIN, _CONTINUATION = 0x80, 0x00
_TEXT, _BINARY = _FIN | 0x01, _FIN | 0x02
_encoder = msgspec.json.Encoder()


class Frame(Struct, frozen=True, eq=False):
    """Engine.IO packets that leave together, encoded for either transport.

    `wire` is the same packets as websocket frames from a server, back to back. `shared` bytes are held once for
    many clients, as a snapshot is: a client's bound does not count them. `committed` are the events that the packets
    are of, one each, if they are of any.
    """

    packets: tuple[bytes, ...]
    wire: bytes
    shared: bool = False
    committed: Sequence[e.Recorded] = ()


def frame(event: str, payload: dict[str, Any], *more: str) -> Frame:
    """A Socket.IO event of the main namespace; `more` are its arguments behind the payload."""
    return of_packet(b"42" + _encoded([event, payload, *more]))


def typing_frame(typing: Typing) -> Frame:
    """The frame of `typing`."""
    return of_raw("typing", _encoder.encode(typing))


def of_raw(event: str, payload_json: bytes, *more: str, shared: bool = False) -> Frame:
    """A Socket.IO event whose payload is encoded already."""
    return of_packet(b"42[%b,%b%b]" % (_encoder.encode(event), payload_json, _further(more)), shared=shared)


def acknowledgement(ack_id: int, answer: dict[str, Any]) -> Frame:
    """The answer to a packet that asked for one."""
    return acknowledgement_raw(ack_id, _encoded(answer))


def acknowledgement_raw(ack_id: int, answer_json: bytes) -> Frame:
    """The answer to a packet that asked for one, encoded already."""
    return of_packet(b"43%d[%b]" % (ack_id, answer_json))


def of_packet(packet: bytes, *, shared: bool = False) -> Frame:
    """One Engine.IO packet that is text."""
    return Frame((packet,), _header(_TEXT, len(packet)) + packet, shared)


def of_binary(data: bytes) -> Frame:
    """One binary Engine.IO message."""
    return Frame((b"b" + base64.b64encode(data),), _header(_BINARY, len(data)) + data)


def of_packets(packets: tuple[bytes, ...], committed: Sequence[e.Recorded] = ()) -> Frame:
    """Engine.IO packets that are text, of these events."""
    wire = b"".join(_header(_TEXT, len(packet)) + packet for packet in packets)
    return Frame(packets, wire, committed=committed)


def together(several: Iterable[Frame]) -> Frame:
    """Several frames as one burst, in their order."""
    each = tuple(several)
    packets = tuple(packet for frame in each for packet in frame.packets)
    return Frame(packets, b"".join(frame.wire for frame in each), all(frame.shared for frame in each))


def _encoded(value: Any) -> bytes:
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:  # a lone surrogate that a client sent, in the name of an event say, goes back escaped
        return json.dumps(value, separators=(",", ":")).encode()


def _further(more: Sequence[str]) -> bytes:
    return b"".join(b"," + _encoder.encode(each) for each in more)


def _header(kind: int, length: int) -> bytes:
    if length < 126:
        return bytes((kind, length))
    if length < 65_536:
        return bytes((kind, 126)) + length.to_bytes(2, "big")
    return bytes((kind, 127)) + length.to_bytes(8, "big")


class Opening:
    """The beginning of a large event that many clients are sent with different endings.

    Over a wire it is a fragment whose bytes they share: what differs follows in a second one.
    """

    __slots__ = ("_packet", "fragment")

    def __init__(self, event: str, payload_json: bytes) -> None:
        """`payload_json` lacks its last fields and the closing brace."""
        self._packet = b"42[%b,%b" % (_encoder.encode(event), payload_json)
        self.fragment = Frame((), _header(_TEXT & ~_FIN, len(self._packet)) + self._packet, shared=True)

    def __len__(self) -> int:
        return 2 * len(self._packet)

    def ending(self, rest_json: bytes, *more: str) -> Frame:
        """The second fragment: the last fields and the closing brace, and the arguments behind the payload."""
        rest = b"%b%b]" % (rest_json, _further(more))
        return Frame((), _header(_CONTINUATION | _FIN, len(rest)) + rest)

    def whole(self, rest_json: bytes, *more: str) -> Frame:
        """All of it as one packet, for who has no wire."""
        return of_packet(b"%b%b%b]" % (self._packet, rest_json, _further(more)), shared=True)


def of_event(recorded: e.Recorded) -> tuple[str, str]:
    """The name clients hear of a committed event, and its payload as JSON: the stored bytes are spliced into it.

    Ids, slugs and times hold nothing that JSON would escape.
    """
    event = recorded.event
    changes = f'"changes":{views.changes(recorded).decode()},"actor":"{recorded.actor}"'
    match event:
        case e.TaskMoved() | e.TaskCreated() | e.TaskRestored():
            name, about = "task_updated", f'"taskId":"{event.task_id}","newStatus":"{event.status}",{changes}'
        case (
            e.TaskEdited()
            | e.TaskAssigned()
            | e.TaskArchived()
            | e.TaskDeleted()
            | e.DueReminded()
            | e.ChecklistItemAdded()
            | e.ChecklistItemEdited()
            | e.ChecklistItemRemoved()
            | e.CommentAdded()
            | e.CommentEdited()
            | e.CommentDeleted()
        ):
            name, about = "task_updated", f'"taskId":"{event.task_id}",{changes}'
        case e.MessageSent(message_id=message_id, text=text):
            said = _encoder.encode(text).decode()
            about = f'"messageId":"{message_id}","text":{said},"author":"{recorded.actor}",{changes}'
            name = "new_message"
        case e.MessageEdited() | e.MessageReacted() | e.MessageDeleted():
            name, about = "project_updated", f'"messageId":"{event.message_id}",{changes}'
        case e.MemberAdded() | e.MemberRoleChanged() | e.MemberRemoved():
            name, about = "member_updated", f'"userId":"{event.user_id}",{changes}'
        case e.InvitationCreated() | e.InvitationAccepted() | e.InvitationRevoked():
            name, about = "member_updated", f'"invitationId":"{event.invitation_id}",{changes}'
        case _:
            name, about = "project_updated", changes
    return name, (
        f'{{"projectId":"{recorded.project_id}","position":{recorded.position},"type":"{recorded.type}",{about},'
        f'"at":"{recorded.at}","commandId":"{recorded.command_id}"}}'
    )


def missed(history: Iterable[e.Recorded]) -> bytes:
    """What a resuming client is sent of these events, as a JSON list: the frames' payloads and their names."""
    named = ((payload, name) for name, payload in map(of_event, history))
    return ("[" + ",".join(f'{payload[:-1]},"event":"{name}"}}' for payload, name in named) + "]").encode()


class SocketFrames:
    """How the rooms' news become frames."""

    def events(self, committed: Sequence[e.Recorded]) -> Frame:
        """The frames of committed events, in one piece."""
        packets = tuple(f'42["{name}",{payload}]'.encode() for name, payload in map(of_event, committed))
        return of_packets(packets, committed)

    def presence(self, event: str, project_id: str, user_id: str, name: str, online: Sequence[str]) -> Frame:
        """The frame of `user_joined` or `user_left`."""
        return frame(event, {"projectId": project_id, "userId": user_id, "name": name, "online": online})

    def crowd(self, project_id: str, joined: Sequence[str], left: Sequence[str], online: Sequence[str]) -> Frame:
        """The frame of `presence`: who came and who went since the last one."""
        return frame("presence", {"projectId": project_id, "joined": joined, "left": left, "online": online})

    def head(self, project_id: str, position: int) -> Frame:
        """The frame of `head`."""
        return frame("head", {"projectId": project_id, "position": position})

    def resync(self, project_id: str, position: int) -> Frame:
        """The frame of `resync`."""
        return frame("resync", {"projectId": project_id, "position": position})
