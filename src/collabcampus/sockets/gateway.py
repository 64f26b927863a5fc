"""What socket events mean: joining, leaving, typing, renewing a token, and every command of the domain."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic_ns
from typing import Any

import msgspec
import structlog
from msgspec import Struct

from collabcampus.domain import commands as c
from collabcampus.domain import errors
from collabcampus.domain import events as e
from collabcampus.domain.decide import require_member
from collabcampus.domain.project import Actor
from collabcampus.identity import Claims, Identity
from collabcampus.identity.errors import ScopeMissing, TokenExpired
from collabcampus.identity.security_log import peer
from collabcampus.identity.sessions import ENDED_KEPT_S
from collabcampus.identity.tokens import READ, WRITE
from collabcampus.live import views
from collabcampus.live.attempts import Answer
from collabcampus.live.pace import Bucket, Budgets
from collabcampus.live.project import LiveProject
from collabcampus.live.projects import Projects
from collabcampus.live.typists import Typing
from collabcampus.log import persons
from collabcampus.log.database import Database
from collabcampus.sockets import frames, payloads, recovery, resuming
from collabcampus.sockets.connection import Connection
from collabcampus.sockets.engine import EngineSocket
from collabcampus.sockets.frames import Frame
from collabcampus.sockets.joined import Shown, past
from collabcampus.sockets.limits import TOO_MANY_RETRY_AFTER_S, Limits, room_for_another
from collabcampus.sockets.pacing import Pace
from collabcampus.sockets.packets import Asked
from collabcampus.sockets.recovery import Recoverable, Returned
from collabcampus.sockets.resuming import RESUME_BYTES
from collabcampus.sockets.server import Server

LONGEST_S = ENDED_KEPT_S
"""A socket whose token lasts longer comes back after that: an end that nobody heard is not missed for good."""

_WAITED_FOR = (
    c.CreateProject,
    c.ForkProject,
    c.EditProject,
    c.ArchiveProject,
    c.RestoreProject,
    c.AddMember,
    c.ChangeMember,
    c.TransferOwnership,
    c.CreateInvitation,
    c.AcceptInvitation,
    c.CopyTask,
    c.Undo,
    c.Redo,
)
"""Commands that name people or things elsewhere, which are looked up: they wait, and so does what follows them."""
_OF_READERS = ("join_project", "leave_project", "authenticate")
"""All that a token takes which may read alone."""
_READERS = {name: payloads.reader(kind) for name, kind in c.COMMANDS.items()}
_AT_ONCE = {name: _READERS[name] for name, kind in c.COMMANDS.items() if kind not in _WAITED_FOR}
_JOIN = msgspec.json.Decoder(payloads.JoinProject)
_LEAVE = msgspec.json.Decoder(payloads.LeaveProject)
_TYPING = msgspec.json.Decoder(payloads.Typing)
_TOKEN = msgspec.json.Decoder(payloads.Authenticate)
_logger = structlog.get_logger(__name__)


class _Auth(Struct, frozen=True):
    token: str = ""
    recovery: Any = None
    pid: Any = None
    offset: Any = None


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
        limits: Limits,
        recovery: bool,
    ) -> None:
        """`origins` are the web origins allowed beside the server's own, `payload_limit` is in bytes; `recovery`:
        whether clients that wish so are recovered."""
        self._recovery = recovery
        self.typed: Callable[[Typing], None] | None = None
        self._database, self._projects, self._identity = database, projects, identity
        self._ends = 0  # so that who is being let in hears of one
        self._by_session: dict[str, set[Connection]] = {}
        self._by_person: dict[str, set[Connection]] = {}
        self._notifying: set[asyncio.Task[None]] = set()
        self._events: dict[str, Callable[[Connection, Asked], Awaitable[None]]] = {
            "join_project": self._join,
            "leave_project": self._leave,
            "typing": self._typing,
            "authenticate": self._authenticate,
        }
        self._limits = limits
        rate, burst = limits.command_rate, limits.command_burst
        self.budgets = Budgets(rate, burst) if rate and burst else None
        """What people may ask, over sockets and otherwise; None where that is as much as they like."""
        self.server = Server(
            self._connect,
            self._begin,
            self._end,
            origins=origins,
            payload_limit=payload_limit,
            per_address=limits.sockets_per_address,
        )

    def end_session(self, session_id: str) -> None:
        """Close every socket of a session that has ended."""
        self._ends += 1
        for connection in list(self._by_session.get(session_id, ())):
            connection.close()

    def end_person(self, user_id: str) -> None:
        """Close every socket of somebody who was disabled."""
        self._ends += 1
        for connection in list(self._by_person.get(user_id, ())):
            connection.close()

    def told(self, project_id: str, position: int, people: list[str]) -> None:
        """An event concerns these people: those who are connected here get their `notification`."""
        here = [each for each in people if each in self._by_person]
        if here:
            task = asyncio.create_task(self._notify(project_id, position, here))
            self._notifying.add(task)
            task.add_done_callback(self._notifying.discard)

    async def _notify(self, project_id: str, position: int, people: list[str]) -> None:
        try:
            rows = await persons.notifications_at(self._database, project_id, position, people)
            names = await self._identity.names({row["actor"] for row in rows})
        except errors.Busy:
            return  # it is kept until it is read
        for row in rows:
            shown = views.notification(row, names, self._identity.invitation_secret)
            for connection in self._by_person.get(row["userId"], ()):
                connection.emit("notification", shown)

    def close_all(self) -> None:
        """Close every socket: the server stops."""
        for session_id in list(self._by_session):
            self.end_session(session_id)

    async def _connect(self, socket: EngineSocket, auth: Any) -> Connection:
        try:
            given = msgspec.convert(auth or {}, _Auth)
        except msgspec.ValidationError:
            given = _Auth()
        peer.set(socket.address)
        claims = await self._claims(given.token)
        user = await self._identity.user(claims.user_id)
        wished = self._recovery and given.recovery is True
        while True:
            ends = self._ends
            claims = await self._claims(given.token)  # it may have ended meanwhile
            returned = await self._recovered(Actor(user.id), given) if wished else None
            if ends == self._ends:
                break
        # From here on nothing waits, up to `_begin`: what was missed and the room fit without a seam.
        if 0 < self._limits.sockets_per_user <= len(self._by_person.get(user.id, ())):
            raise errors.RateLimited(retryAfter=TOO_MANY_RETRY_AFTER_S)
        made = partial(Recoverable, returned=returned) if wished else Connection
        pace = self._pace(user.id)
        connection = made(socket, user.id, user.name, claims.session_id, self._offer, self._handle, pace)
        connection.scopes = claims.scopes
        self._expire(connection, claims)
        return connection

    def _pace(self, user_id: str) -> Pace | None:
        if self.budgets is None:
            return None
        own = Bucket(self._limits.command_rate, self._limits.command_burst)
        return Pace(own, self.budgets.of(user_id, monotonic_ns()))

    async def _recovered(self, actor: Actor, given: _Auth) -> Returned | None:
        """What a client missed that comes back to the one room it was in; None where it has to join anew."""
        left_at = recovery.left_at(actor.user_id, given.pid, given.offset)
        if left_at is None:
            return None
        project_id, position = left_at
        try:
            async with self._projects.using(project_id) as live:
                require_member(live.state, actor)
                if not self._affords(actor, resuming.cost(live, position)):
                    return None
                missed = await resuming.missed(self._database, live, position)
                return recovery.recovered_from(live, actor, given.pid, missed)
        except errors.Refused:
            return None

    def _affords(self, actor: Actor, tokens: int) -> bool:
        """Whether a person has so much left to ask, which is then spent."""
        now = monotonic_ns()
        return self.budgets is None or self.budgets.of(actor.user_id, now).take_many(now, tokens)

    def _begin(self, connection: Connection) -> None:
        self._by_session.setdefault(connection.session_id, set()).add(connection)
        self._by_person.setdefault(connection.user_id, set()).add(connection)
        user = {"id": connection.user_id, "name": connection.name}
        connection.welcome({"message": "Connected!", "user": user})

    def _end(self, connection: Connection) -> None:
        connection.gone()
        _discard(self._by_session, connection.session_id, connection)
        _discard(self._by_person, connection.user_id, connection)
        if self.budgets is not None:
            self.budgets.of(connection.user_id, monotonic_ns())  # so that it is remembered

    async def _claims(self, token: str) -> Claims:
        """Who a token speaks for that may read. To the second: what HTTP forgives a clock would be closed as soon as
        it is open."""
        claims = await self._identity.claims(token)
        if claims.expires_at <= time.time():
            raise TokenExpired
        claims.require(READ)
        return claims

    def _expire(self, connection: Connection, claims: Claims) -> None:
        connection.expire_at(min(claims.expires_at - time.time(), LONGEST_S))

    async def _handle(self, connection: Connection, asked: Asked) -> None:
        """Handle one event. Whatever happens, it is answered."""
        try:
            await self._events.get(asked.event, self._command)(connection, asked)
        except errors.Refused as refused:
            connection.refuse(asked, refused)
        except Exception:
            _logger.exception("socket_event_failed", socket_event=asked.event)
            connection.fail(asked)

    def _offer(self, connection: Connection, asked: Asked) -> bool:
        """Take a command without waiting for anything; False where something has to be waited for."""
        done = partial(self._done, connection, asked)
        if WRITE not in connection.scopes and asked.event not in _OF_READERS:
            done(None, ScopeMissing(scope=WRITE))
            return True
        reader = _AT_ONCE.get(asked.event)
        if reader is None:
            return False
        try:
            wanted = reader(asked.arguments)
        except errors.Refused as refused:
            done(None, refused)
            return True
        command, projects = wanted.command, self._projects
        if wanted.project_id is not None:
            projects.offer(command, connection.actor, wanted.project_id, done, command_id=wanted.command_id)
            return True
        return isinstance(command, c.TaskCommand) and projects.offer_task(
            command, connection.actor, done, command_id=wanted.command_id
        )

    def _done(self, connection: Connection, asked: Asked, answer: Answer | None, error: BaseException | None) -> None:
        connection.answered()
        if answer is not None:
            connection.answer(asked, _good(views.outcome(answer, {})))
        elif isinstance(error, errors.Refused):
            connection.refuse(asked, error)
        else:
            _logger.error("command_failed", socket_event=asked.event, error=type(error).__name__)
            connection.fail(asked)

    async def _command(self, connection: Connection, asked: Asked) -> None:
        reader = _READERS.get(asked.event)
        if reader is None:
            raise errors.UnknownEvent
        wanted = reader(asked.arguments)
        command = await self._projects.completed(wanted.command, connection.actor, wanted.project_id)
        command = await self._identity.resolve(command, connection.actor)
        answer = await self._projects.submit(
            command, connection.actor, wanted.project_id, command_id=wanted.command_id, asked=wanted.command
        )
        names = await self._identity.names(views.people(answer))
        secret = self._identity.invitation_secret if isinstance(command, c.CreateInvitation) else None
        connection.answer(asked, _good(views.outcome(answer, names, secret)))

    async def _join(self, connection: Connection, asked: Asked) -> None:
        wanted = payloads.payload_of(asked.arguments, _JOIN)
        if wanted.at is not None:
            await self._look_back(connection, asked, wanted)
            return
        if wanted.project_id not in connection.rooms:
            room_for_another(len(connection.rooms))
        async with self._projects.using(wanted.project_id) as live:
            require_member(live.state, connection.actor)
            names, missed = await self._gathered(live, wanted.position)
            # From here on nothing waits: the snapshot, the room and the frames that follow fit without a seam.
            require_member(live.state, connection.actor)
            if not connection.alive:
                return
            shown = _shown(live) or _show(live, names)
            connection.enter(live)
            connection.answer(asked, b'{"ok":true,"position":%d}' % live.state.head)
            told = None if missed is None else frames.missed(missed)
            if told is None or len(told) > RESUME_BYTES:
                connection.open(shown.opening, shown.ending(live.room.online))
            else:
                connection.private(shown.resumed(told, live.room.online, *connection.whereabouts()))

    async def _look_back(self, connection: Connection, asked: Asked, wanted: payloads.JoinProject) -> None:
        """Show the past. Who looks at it is in no room for that, and stays in those they are in."""
        if wanted.at is None or wanted.position is not None:
            raise errors.InvalidPayload(reason="either position or at is expected, not both")
        require_member(await self._projects.read(wanted.project_id), connection.actor)
        was = await self._projects.past.look(wanted.project_id, wanted.at)
        names = await self._identity.names(was.state.members)
        require_member(await self._projects.read(wanted.project_id), connection.actor)
        if connection.alive:
            connection.answer(asked, b'{"ok":true,"position":%d}' % was.state.head)
            connection.private(past(was, names))

    async def _gathered(
        self, live: LiveProject[Frame], position: int | None
    ) -> tuple[views.Names, list[e.Recorded] | None]:
        """Everything a join has to wait for. What was missed comes last: it ends where the project is now."""
        while True:
            names: views.Names = {} if _shown(live) else await self._identity.names(live.state.members)
            missed = await resuming.missed(self._database, live, position)
            if _shown(live) or live.state.members.keys() <= names.keys():
                return names, missed

    async def _leave(self, connection: Connection, asked: Asked) -> None:
        project_id = payloads.payload_of(asked.arguments, _LEAVE).project_id
        live = connection.rooms.get(project_id)
        connection.answer(asked, b'{"ok":true}')
        if live:
            live.room.leave(connection)
            connection.left(project_id, "left")

    async def _typing(self, connection: Connection, asked: Asked) -> None:
        typing = payloads.payload_of(asked.arguments, _TYPING)
        live = connection.rooms.get(typing.project_id)
        if live is None:
            raise errors.NotInRoom
        known = typing.task_id is None or typing.task_id in live.state.tasks  # it may have been deleted just now
        if self.typed and known:
            self.typed(Typing(typing.project_id, connection.user_id, typing.task_id))
        connection.answer(asked, b'{"ok":true}')

    async def _authenticate(self, connection: Connection, asked: Asked) -> None:
        peer.set(connection.address)
        claims = await self._claims(payloads.payload_of(asked.arguments, _TOKEN).token)
        if not connection.alive:
            return
        if claims.user_id != connection.user_id:
            raise errors.InvalidPayload(reason="the token is somebody else's")
        self._end_of_session_moves(connection, claims)
        connection.scopes = claims.scopes
        self._expire(connection, claims)
        connection.answer(asked, b'{"ok":true}')

    def _end_of_session_moves(self, connection: Connection, claims: Claims) -> None:
        _discard(self._by_session, connection.session_id, connection)
        connection.session_id = claims.session_id
        self._by_session.setdefault(claims.session_id, set()).add(connection)


def _discard(sockets: dict[str, set[Connection]], key: str, connection: Connection) -> None:
    """Forget a connection, and with the last of them the key."""
    rest = sockets.get(key, set())
    rest.discard(connection)
    if not rest:
        sockets.pop(key, None)


def _good(outcome: bytes) -> bytes:
    return b'{"ok":true,' + outcome[1:]


def _shown(live: LiveProject[Frame]) -> Shown | None:
    """What was encoded for somebody else, if it is still what there is to see."""
    shown = live.shown
    return shown if isinstance(shown, Shown) and shown.head == live.state.head else None


def _show(live: LiveProject[Frame], names: views.Names) -> Shown:
    live.shown = shown = Shown(live.state, names)
    return shown
