"""A room's listeners, and frames as what they tell, to hear what a room says without any sockets."""

from collections.abc import Sequence

from collabcampus.domain import events as e
from collabcampus.live.typists import Typing


class Heard:
    """A listener that writes down what it hears."""

    def __init__(self, user_id: str) -> None:
        self.user_id, self.name = user_id, user_id[:4]
        self.heard: list[object] = []

    def send(self, frame: object) -> None:
        self.heard.append(frame)

    def left(self, project_id: str, reason: str) -> None:
        self.heard.append(("left", reason))


class Plain:
    """Frames as what they tell."""

    def events(self, committed: Sequence[e.Recorded]) -> object:
        return [each.position for each in committed]

    def presence(self, event: str, project_id: str, user_id: str, name: str, online: Sequence[str]) -> object:
        return (event, user_id, tuple(online))

    def crowd(self, project_id: str, joined: Sequence[str], left: Sequence[str], online: Sequence[str]) -> object:
        return ("presence", tuple(joined), tuple(left), len(online))

    def head(self, project_id: str, position: int) -> object:
        return ("head", position)

    def resync(self, project_id: str, position: int) -> object:
        return ("resync", position)


def typing(said: Typing) -> object:
    """The frame of `typing`."""
    return ("typing", said.user_id, said.task_id)
