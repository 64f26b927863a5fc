"""What a join is answered: encoded once for each head, and shared by all who join there."""

from collections.abc import Sequence
from functools import cached_property

import msgspec

from collabcampus.domain.project import Project
from collabcampus.live import views
from collabcampus.log.past import Was
from collabcampus.sockets.frames import Frame, Opening, of_raw

JOINED = "project_joined"
_encode = msgspec.json.Encoder().encode


class Shown:
    """A project as it is at `head`: made and used up before the project moves on."""

    def __init__(self, state: Project, names: views.Names) -> None:
        self.head = state.head
        self._state, self._names = state, names
        self._where = b'{"projectId":"%b","members":%b,"position":%d' % (
            state.project_id.encode(),
            _encode(views.members(state, names)),
            state.head,
        )

    def __len__(self) -> int:
        return len(self._where) + (len(self.opening) if "opening" in self.__dict__ else 0)

    @cached_property
    def opening(self) -> Opening:
        """Who and what is there, for who comes without a position; the ending says who is online."""
        assert self._state.head == self.head, "it is asked for while the project is there"
        board = views.board(self._state, self._names)
        messages = _encode(views.latest_messages(self._state))
        return Opening(JOINED, b'%b,"board":%b,"messages":%b' % (self._where, board, messages))

    def ending(self, online: Sequence[str]) -> bytes:
        """The rest of it."""
        return b',"online":%b}' % _encode(online)

    def resumed(self, missed: bytes, online: Sequence[str], *more: str) -> Frame:
        """For who comes with a position: what happened since; `more` are arguments behind the payload."""
        return of_raw(JOINED, b'%b,"events":%b,"online":%b}' % (self._where, missed, _encode(online)), *more)


def past(was: Was, names: views.Names) -> Frame:
    """For who looks at the past: what there was, and when."""
    shown = {
        "projectId": was.state.project_id,
        "members": views.members(was.state, names),
        "position": was.state.head,
        "at": was.at,
        "board": msgspec.Raw(views.board(was.state, names)),
        "messages": views.latest_messages(was.state),
    }
    return of_raw(JOINED, _encode(shown))
