"""What goes down the sockets: each committed event as exactly one frame, encoded once for everybody."""

from typing import Any

import msgspec
from engineio import packet
from engineio.packet import Packet

from collabcampus.domain import events as e

_encoder = msgspec.json.Encoder()


def frame(event: str, payload: dict[str, Any]) -> Packet:
    """A Socket.IO event of the main namespace."""
    return Packet(packet.MESSAGE, "2" + _encoder.encode([event, payload]).decode())


def acknowledgement(ack_id: int, answer: dict[str, Any]) -> Packet:
    """The answer to a packet that asked for one."""
    return Packet(packet.MESSAGE, f"3{ack_id}" + _encoder.encode([answer]).decode())


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
    """How the rooms' news become Engine.IO packets."""

    def event(self, recorded: e.Recorded) -> Packet:
        """The one frame of a committed event."""
        return frame(*of_event(recorded))

    def presence(self, event: str, project_id: str, user_id: str, name: str, online: list[str]) -> Packet:
        """The frame of `user_joined` or `user_left`."""
        return frame(event, {"projectId": project_id, "userId": user_id, "name": name, "online": online})
