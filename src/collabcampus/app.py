"""The composition root: builds every room of the house and opens its doors; imported by the command line alone."""

import asyncio
import gc
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import psycopg
import socketio
import structlog
import uuid_utils
import uvicorn
from litestar import Litestar
from psycopg import sql
from psycopg.conninfo import make_conninfo

from collabcampus.buses import rooms_bus
from collabcampus.domain.errors import Busy
from collabcampus.embedded import Cluster, find_binaries
from collabcampus.http import api, mailed_pages
from collabcampus.http.documents import published
from collabcampus.http.door import Door
from collabcampus.http.following import Followers
from collabcampus.http.observed import observed
from collabcampus.http.readiness import DRAINING, why_not_ready
from collabcampus.http.security_headers import SecurityHeaders
from collabcampus.identity import DISABLED_CHANNEL, KEYS_CHANNEL, NAMES_CHANNEL, SESSIONS_CHANNEL, Identity
from collabcampus.identity.letters import Letters
from collabcampus.identity.mail import mailer
from collabcampus.identity.openid import OpenId
from collabcampus.identity.post import Post
from collabcampus.live.bus import Bus
from collabcampus.live.heads import Heads
from collabcampus.live.hints import Hints
from collabcampus.live.notices import Notices
from collabcampus.live.presence import Presence
from collabcampus.live.projects import Projects
from collabcampus.live.reminders import reminding
from collabcampus.live.typists import Typists
from collabcampus.log.database import POOL_MAX, Database
from collabcampus.log.follow import HEADS, PostgresBus, parse_heads
from collabcampus.log.migrate import migrate
from collabcampus.settings import BODY_LIMIT, Settings
from collabcampus.sockets import described, manual
from collabcampus.sockets.frames import Frame, SocketFrames, typing_frame
from collabcampus.sockets.gateway import Gateway
from collabcampus.sockets.handover import Colleagues, MovingProtocol, session_prefix
from collabcampus.sockets.handshake import HandshakeProtocol
from collabcampus.sockets.limits import Limits
from collabcampus.sockets.punctual import PunctualProtocol

DATABASE_NAME = "collabcampus"
WATCH_S = 0.25
DRAIN_S = 5
BACKLOG = 2_048
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
STARTUP_POLL_S = 0.01
CANCEL_AGAIN_S = 0.1
COLLECTED_AFTER = (5_000, 20, 100)
"""Allocations, and collections of each younger generation, before the garbage collector looks."""
CONNECTIONS, FEWEST_CONNECTIONS = 80, 3
"""To the database: what all workers share, below PostgreSQL's usual 100; and what each has at least."""


def now() -> str:
    """The time as the log has it: RFC 3339, UTC, milliseconds."""
    return _rfc3339(time.time_ns() // 1_000_000)


@lru_cache(maxsize=1)
def _rfc3339(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fresh_id() -> str:
    """A new UUIDv7."""
    return str(uuid_utils.uuid7())


@asynccontextmanager
async def postgres(settings: Settings) -> AsyncIterator[str]:
    """A database to connect to: the one in settings, or one on our own server in the data folder, watched."""
    if settings.database_url:
        yield settings.database_url
        return
    cluster = Cluster(settings.data, find_binaries(settings.postgres_bin))
    conninfo = await asyncio.to_thread(cluster.start)
    watcher = asyncio.create_task(_watch(cluster))
    try:
        yield await _own_database(conninfo)
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
        await asyncio.to_thread(cluster.stop)


async def _own_database(conninfo: str) -> str:
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            query = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE_NAME))
            known = await connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE_NAME,))
            if not known.rowcount:
                await connection.execute(query)
    return make_conninfo(conninfo, dbname=DATABASE_NAME)


async def _watch(cluster: Cluster) -> None:
    logger = structlog.get_logger(__name__)
    while True:
        await asyncio.sleep(WATCH_S)
        try:
            if await asyncio.to_thread(cluster.ensure):
                logger.warning("postgres_was_dead_and_started_again")
        except Exception:
            logger.exception("postgres_does_not_start")


class Application:
    """All rooms, put together on one database."""

    def __init__(
        self, settings: Settings, conninfo: str, *, worker: int | None = None, node: str | None = None
    ) -> None:
        """`worker` is which of `settings.workers` this is, if there are several, and `node` its name among all."""
        self.settings = settings
        self.leaving = False
        """Whether it stops: then it is not ready, whatever else holds."""
        share = max(FEWEST_CONNECTIONS, CONNECTIONS // settings.workers)
        self.database = Database(conninfo, most=min(POOL_MAX, share))
        self.bus: Bus = PostgresBus(self.database, self._heal)  # also: what transactions tell by NOTIFY
        self.rooms_bus = rooms_bus(settings.bus, self.bus, self._heal_projects, self._heads, self._compare)
        self.projects: Projects[Frame] = Projects(
            self.database, SocketFrames(), now=now, fresh_id=fresh_id, hints=Hints.over(self.rooms_bus, but=self.bus)
        )
        self.identity = Identity(
            self.database,
            secret=settings.secret,
            refresh_grace=settings.refresh_grace,
            old_secrets=settings.old_secrets,
            login_rate=settings.login_rate,
            post=Post(Letters(settings.mail_from, settings.links_to), mailer(settings.mail, settings.data)),
            registration=settings.registration,
            verified_addresses=settings.verified_addresses,
        )
        self.followers = Followers()
        self.openid = OpenId(
            self.database,
            self.identity,
            settings.openid,
            redirects=settings.openid_redirects,
            origins=settings.origins,
        )
        self.gateway = Gateway(
            self.database,
            self.projects,
            self.identity,
            origins=settings.origins,
            payload_limit=BODY_LIMIT,
            recovery=settings.recovery,
            limits=Limits(
                settings.command_rate,
                settings.command_burst,
                settings.sockets_per_user,
                settings.sockets_per_address,
            ),
        )
        self.identity.sessions.on_end.append(self.gateway.end_session)
        self.identity.administration.on_disabled.append(self.gateway.end_person)
        if worker is not None:
            self.gateway.server.eio.sid_prefix = session_prefix(worker)
        self.bus.subscribe(HEADS, self._heads)
        self.bus.subscribe(SESSIONS_CHANNEL, self.identity.sessions.heard)
        self.bus.subscribe(KEYS_CHANNEL, self.identity.keys.heard)
        self.heads = Heads(self.projects.rooms, settings.head_each)
        self.bus.subscribe(DISABLED_CHANNEL, self.identity.administration.heard)
        self.bus.subscribe(NAMES_CHANNEL, self.identity.accounts.renamed)
        self.presence = Presence(self.rooms_bus, self.projects.room, self.projects.rooms, node)
        self.projects.neighbours = self.presence
        self.gateway.typed = Typists(self.rooms_bus, self.projects.room, typing_frame).typed
        self.projects.committed_here = Notices(self.rooms_bus, self.gateway.told).committed

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Application"]:
        """Open the pool, follow the log, and give all back at the end."""
        await self.database.open()
        try:
            await self.identity.open()
            following = [asyncio.create_task(each.run()) for each in {self.bus, self.rooms_bus}]
            try:
                async with self.identity.security.running(), self.projects.running():
                    reminders = reminding(self.database, self.projects, now)
                    beside = [asyncio.create_task(each) for each in (reminders, self.heads.run())]
                    try:
                        yield self
                    finally:
                        for each in beside:
                            with suppress(Exception):  # whatever one ended with, what follows has to end too
                                await _ended(each)
                        await self.identity.post.drained()
            finally:
                for each in following:
                    await _ended(each)
        finally:
            self.identity.close()
            await self.openid.close()
            await self.database.close()

    def asgi(self) -> Any:
        """The ASGI application: Socket.IO under `/socket.io`, HTTP everywhere else."""
        both = socketio.ASGIApp(self.gateway.server, other_asgi_app=observed(self.http()))
        return SecurityHeaders(both, https=self.settings.production)

    def http(self) -> Litestar:
        """The HTTP side alone."""
        door = Door(self.database, self.projects, self.identity, self.followers)
        documents = [
            published("/schema/asyncapi.json", "application/json", described.as_json),
            published("/schema/sockets", "text/html", lambda _: manual.page()),
            *mailed_pages.pages(),
        ]
        return api.build(
            door,
            self.why_not_ready,
            openid=self.openid,
            origins=self.settings.origins,
            body_limit=BODY_LIMIT,
            budgets=self.gateway.budgets,
            documents=documents,
        )

    def _heads(self, payload: str) -> None:
        for project_id, position in parse_heads(payload):
            self.projects.hint(project_id, position)

    async def why_not_ready(self) -> str | None:
        """In words for an operator; None where it is ready to serve."""
        return DRAINING if self.leaving else await why_not_ready(self.database, self.bus, self.rooms_bus)

    async def _heal(self) -> None:
        await self.identity.heal()
        if self.rooms_bus is self.bus:
            await self._heal_projects()

    async def _compare(self, project_ids: list[str]) -> None:
        await self.projects.compare(project_ids)

    async def _heal_projects(self) -> None:
        with suppress(Busy):
            await self.projects.heal()
        self.presence.tick()


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel it until it has ended: Python 3.11's `wait_for` loses a cancellation that comes as it finishes."""
    while not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=CANCEL_AGAIN_S)
    with suppress(asyncio.CancelledError):
        task.result()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Application]:
    """The application on its migrated database."""
    async with postgres(settings) as conninfo:
        await migrate(conninfo)
        async with Application(settings, conninfo).running() as application:
            yield application


class _Server(uvicorn.Server):
    """uvicorn's server, whose sockets are closed before it waits for what is still being answered."""

    def __init__(self, config: uvicorn.Config, *before_shutdown: Callable[[], object]) -> None:
        super().__init__(config)
        self._before_shutdown = before_shutdown

    async def shutdown(self, sockets: Any = None) -> None:
        for each in self._before_shutdown:
            each()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal, and then go on to clean up: uvicorn's own way raises it again and so ends us first."""
        for each in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(each, self.handle_exit, each, None)
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; OSError where the address is taken, before anything of the server has begun."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise OSError(f"cannot listen on {host} port {port}: {error.strerror}") from None


def address(listening: socket.socket) -> str:
    """Where it listens, as an address to visit."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def serve(application: Application, ready: Callable[[str], None]) -> None:
    """Serve until told to stop by a signal; `ready` is called with the address once it listens.

    OSError where it cannot listen there.
    """
    listening = listen(application.settings.host, application.settings.port)
    application.identity.post.letters.links_to = application.settings.links_to or address(listening)
    server = _Server(_web(application, PunctualProtocol), application.followers.close, application.gateway.close_all)
    await _until_stopped(server, [listening], lambda: ready(address(listening)))


async def work(
    application: Application, colleagues: Colleagues, ready: Callable[[], object], leaving: Callable[[], object]
) -> None:
    """Serve what the parent deals out and others hand over, until told to stop by a signal.

    `leaving` is called when no more is taken.
    """
    config = _web(application, MovingProtocol)
    server = _Server(config, colleagues.close, leaving, application.followers.close, application.gateway.close_all)

    def protocol(read: bytes) -> MovingProtocol:
        return MovingProtocol(config, server.server_state, server.lifespan.state, colleagues=colleagues, read=read)

    def started() -> None:
        colleagues.open(protocol)
        ready()

    await _until_stopped(server, [], started)


def _spare_the_collector() -> None:
    """What there is by now stays, and what a command makes forms no cycles: look for those rarely.

    As Python has it the collector took an eighth of a busy server's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


async def _until_stopped(server: _Server, sockets: list[socket.socket], ready: Callable[[], None]) -> None:
    serving = asyncio.create_task(server.serve(sockets))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers a flag and no event
        await asyncio.sleep(STARTUP_POLL_S)
    if server.started:
        _spare_the_collector()
        ready()
    await serving


def _web(application: Application, http: Any) -> uvicorn.Config:
    return uvicorn.Config(
        application.asgi(),
        loop="uvloop",
        http=http,
        ws=HandshakeProtocol,
        ws_max_size=BODY_LIMIT,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(application.settings.proxies),
        forwarded_allow_ips=list(application.settings.proxies),
        lifespan="off",
        timeout_graceful_shutdown=DRAIN_S,
    )
