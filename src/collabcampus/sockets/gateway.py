"""What socket events mean: joining, leaving, typing, renewing a token, and every command of the domain."""

import time
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Annotated, Any

import msgspec
import structlog
from msgspec import Meta, Struct

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain.decide import require_member
from collabcampus.domain.project import Actor
from collabcampus.domain.types import Id
from collabcampus.identity import Claims, Identity
from collabcampus.live import views
from collabcampus.live.projects import LiveProject, Projects
from collabcampus.log import read
from collabcampus.log.database import Database
from collabcampus.sockets import frames
from collabcampus.sockets.connection import Connection
from collabcampus.sockets.engine import EngineSocket
from collabcampus.sockets.frames import Frame
from collabcampus.sockets.packets import Asked
from collabcampus.sockets.server import Server

RESUME_LIMIT = 5_000
"""Events a resuming client is sent one by one; who lacks more gets the board anew."""

_logger = structlog.get_logger(__name__)


class _Payload(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    pass


class JoinProject(_Payload, frozen=True):
    """Enter a project's room; with `position`, resume after it."""

    project_id: Id
    position: Annotated[int, Meta(ge=0)] | None = None


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


class _Auth(Struct, frozen=True):
    token: str = ""


class _Envelope(Struct, frozen=True, rename="camel"):
    """What travels beside a command's own fields."""

    project_id: Id | None = None
    command_id: Id | None = None


class Gateway:
    """Between the Socket.IO server and the live projects."""

    def __init__(
        self,
        database: Database,
        projects: Projects[Frame],
        identity: Identity,
        *,
        origins: tuple[str, ...],
        payload_limit: int,
    ) -> None:
        """`origins` are the web origins allowed beside the server's own, `payload_limit` is in bytes."""
        self._database, self._projects, self._identity = database, projects, identity
        self._by_session: dict[str, set[Connection]] = {}
        self._events: dict[str, Callable[[Connection, Asked], Awaitable[None]]] = {
            "join_project": self._join,
            "leave_project": self._leave,
            "typing": self._typing,
            "authenticate": self._authenticate,
        }
        self.server = Server(self._connect, self._begin, self._end, origins=origins, payload_limit=payload_limit)

    def end_session(self, session_id: str) -> None:
        """Close every socket of a session that has ended."""
        for connection in list(self._by_session.get(session_id, ())):
            connection.close()

    def close_all(self) -> None:
        """Close every socket: the server stops."""
        for session_id in list(self._by_session):
            self.end_session(session_id)

    async def _connect(self, socket: EngineSocket, auth: Any) -> Connection:
        try:
            token = msgspec.convert(auth or {}, _Auth).token
        except msgspec.ValidationError:
            token = ""
        claims = self._identity.authenticate(token)
        user = await self._identity.user(claims.user_id)
        self._identity.authenticate(token)  # the session may have ended meanwhile
        connection = Connection(socket, user.id, user.name, claims.session_id, self._handle)
        self._expire(connection, claims)
        return connection

    def _begin(self, connection: Connection) -> None:
        self._by_session.setdefault(connection.session_id, set()).add(connection)
        user = {"id": connection.user_id, "name": connection.name}
        connection.emit("welcome", {"message": "Connected!", "user": user})

    def _end(self, connection: Connection) -> None:
        connection.gone()
        sockets = self._by_session.get(connection.session_id, set())
        sockets.discard(connection)
        if not sockets:
            self._by_session.pop(connection.session_id, None)

    def _expire(self, connection: Connection, claims: Claims) -> None:
        connection.expire_at(claims.expires_at - time.time())

    async def _handle(self, connection: Connection, asked: Asked) -> None:
        """Handle one event. Whatever happens, it is answered."""
        try:
            await self._events.get(asked.event, self._command)(connection, asked)
        except errors.Refused as refused:
            connection.refuse(asked, refused)
        except Exception:
            _logger.exception("socket_event_failed", socket_event=asked.event)
            connection.answer(asked, {"ok": False, "error": {"code": "internal_error", "message": "It failed."}})

    async def _command(self, connection: Connection, asked: Asked) -> None:
        kind = c.COMMANDS.get(asked.event)
        if kind is None:
            raise errors.UnknownEvent
        payload = dict(_payload(asked, dict[str, Any]))
        beside = {key: payload.pop(key) for key in ("projectId", "commandId") if key in payload}
        envelope = _convert(beside, _Envelope)
        command = await self._identity.resolve(_convert(payload, kind))
        answer = await self._projects.submit(
            command, Actor(connection.user_id), envelope.project_id, command_id=envelope.command_id
        )
        names = await self._identity.names(answer.project.members)
        keys = [recorded.event.key for recorded in answer.events]
        connection.answer(asked, {"ok": True, **views.outcome(command, answer.project, keys, names)})

    async def _join(self, connection: Connection, asked: Asked) -> None:
        wanted = _payload(asked, JoinProject)
        async with self._projects.using(wanted.project_id) as live:
            require_member(live.state, Actor(connection.user_id))
            names = await self._identity.names(live.state.members)
            missed = await self._missed(live, wanted.position)
            # From here on nothing waits: the snapshot, the room and the frames that follow fit without a seam.
            require_member(live.state, Actor(connection.user_id))
            if not connection.alive:
                return
            live.room.enter(connection)
            connection.rooms[wanted.project_id] = live
            connection.answer(asked, {"ok": True, "position": live.state.head})
            connection.emit("project_joined", self._joined(live, names, missed))

    def _joined(
        self, live: LiveProject[Frame], names: views.Names, missed: list[dict[str, Any]] | None
    ) -> dict[str, Any]:
        state = live.state
        where = {"projectId": state.project_id, "members": views.members(state, names), "position": state.head}
        if missed is not None:
            return {**where, "events": missed, "online": live.room.online}
        board = views.board(state, names)
        return {**where, "board": board, "messages": views.latest_messages(state), "online": live.room.online}

    async def _missed(self, live: LiveProject[Frame], position: int | None) -> list[dict[str, Any]] | None:
        """The events after a position up to the current head; None where the whole board serves better."""
        if position is None or not live.state.head - RESUME_LIMIT <= position <= live.state.head:
            return None
        missed: list[dict[str, Any]] = []
        while position < live.state.head:
            page = await read.events_after(self._database, live.state.project_id, position)
            live.advance(page)
            missed += [{**payload, "event": name} for name, payload in map(frames.of_event, page)]
            position = page[-1].position
        return missed

    async def _leave(self, connection: Connection, asked: Asked) -> None:
        project_id = _payload(asked, LeaveProject).project_id
        live = connection.rooms.get(project_id)
        connection.answer(asked, {"ok": True})
        if live:
            live.room.leave(connection)
            connection.left(project_id, "left")

    async def _typing(self, connection: Connection, asked: Asked) -> None:
        typing = _payload(asked, Typing)
        live = connection.rooms.get(typing.project_id)
        if live is None:
            raise errors.NotInRoom
        about = {"taskId": typing.task_id} if typing.task_id else {}
        news = {"projectId": typing.project_id, "userId": connection.user_id, **about}
        live.room.tell(frames.frame("typing", news), but=connection)
        connection.answer(asked, {"ok": True})

    async def _authenticate(self, connection: Connection, asked: Asked) -> None:
        claims = self._identity.authenticate(_payload(asked, Authenticate).token)
        if claims.user_id != connection.user_id:
            raise errors.InvalidPayload(reason="the token is somebody else's")
        self._end_of_session_moves(connection, claims)
        self._expire(connection, claims)
        connection.answer(asked, {"ok": True})

    def _end_of_session_moves(self, connection: Connection, claims: Claims) -> None:
        self._by_session.get(connection.session_id, set()).discard(connection)
        connection.session_id = claims.session_id
        self._by_session.setdefault(claims.session_id, set()).add(connection)


def _payload(asked: Asked, kind: Any) -> Any:
    if len(asked.arguments) != 1:
        raise errors.InvalidPayload(reason="one object is expected")
    try:
        return _decoder(kind).decode(asked.arguments[0])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise errors.InvalidPayload(reason=str(error)) from None


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _convert(value: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise errors.InvalidPayload(reason=str(error)) from None
