"""The composition root: builds every room of the house and opens its doors; imported by the command line alone."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import psycopg
import socketio
import structlog
import uuid_utils
import uvicorn
from litestar import Litestar
from psycopg import sql
from psycopg.conninfo import make_conninfo

from collabcampus.domain.errors import Busy
from collabcampus.embedded import Cluster, find_binaries
from collabcampus.http import api
from collabcampus.http.door import Door
from collabcampus.identity import SESSIONS_CHANNEL, Identity
from collabcampus.live.projects import Projects
from collabcampus.log.database import Database
from collabcampus.log.follow import HEADS, Follower, parse_heads
from collabcampus.log.migrate import migrate
from collabcampus.settings import BODY_LIMIT, Settings
from collabcampus.sockets.frames import Frame, SocketFrames
from collabcampus.sockets.gateway import Gateway
from collabcampus.sockets.wire import HandshakeProtocol

DATABASE_NAME = "collabcampus"
WATCH_S = 0.25
DRAIN_S = 5
BACKLOG = 2_048
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
STARTUP_POLL_S = 0.01


def now() -> str:
    """The time as the log has it: RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fresh_id() -> str:
    """A new UUIDv7."""
    return str(uuid_utils.uuid7())


def configure_logging() -> None:
    """JSON lines on standard error; standard output is for answers."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


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

    def __init__(self, settings: Settings, conninfo: str) -> None:
        self.settings = settings
        self.database = Database(conninfo)
        self.projects: Projects[Frame] = Projects(self.database, SocketFrames(), now=now, fresh_id=fresh_id)
        self.identity = Identity(self.database, secret=settings.secret, refresh_grace=settings.refresh_grace)
        self.gateway = Gateway(
            self.database,
            self.projects,
            self.identity,
            origins=settings.origins,
            payload_limit=BODY_LIMIT,
        )
        self.identity.sessions.on_end.append(self.gateway.end_session)
        channels = {HEADS: self._heads, SESSIONS_CHANNEL: self.identity.sessions.heard}
        self._follower = Follower(conninfo, channels, self._heal)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Application"]:
        """Open the pool, follow the log, and give all back at the end."""
        await self.database.open()
        try:
            await self.identity.open()
            following = asyncio.create_task(self._follower.run())
            try:
                async with self.projects.running():
                    yield self
            finally:
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following
        finally:
            self.identity.close()
            await self.database.close()

    def asgi(self) -> Any:
        """The ASGI application: Socket.IO under `/socket.io`, HTTP everywhere else."""
        return socketio.ASGIApp(self.gateway.server, other_asgi_app=self.http())

    def http(self) -> Litestar:
        """The HTTP side alone."""
        door = Door(self.database, self.projects, self.identity)
        return api.build(door, self._ready, origins=self.settings.origins, body_limit=BODY_LIMIT)

    def _heads(self, payload: str) -> None:
        for project_id, position in parse_heads(payload):
            self.projects.hint(project_id, position)

    async def _heal(self) -> None:
        with suppress(Busy):
            await self.identity.sessions.load()
            await self.projects.heal()

    async def _ready(self) -> bool:
        try:
            rows = await self.database.fetch("SELECT NOT pg_is_in_recovery()")
        except Busy:
            return False
        return bool(rows[0][0]) and self._follower.listening.is_set()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Application]:
    """The application on its migrated database."""
    async with postgres(settings) as conninfo:
        await migrate(conninfo)
        async with Application(settings, conninfo).running() as application:
            yield application


class _Server(uvicorn.Server):
    """uvicorn's server, whose sockets are closed before it waits for what is still being answered."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway

    async def shutdown(self, sockets: Any = None) -> None:
        self._gateway.close_all()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal, and then go on to clean up: uvicorn's own way raises it again and so ends us first."""
        for each in STOP_SIGNALS:
            asyncio.get_running_loop().add_signal_handler(each, self.handle_exit, each, None)
        yield


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket; OSError where the address is taken, before anything of the server has begun."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise OSError(f"cannot listen on {host} port {port}: {error.strerror}") from None


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def serve(application: Application, ready: Callable[[str], None]) -> None:
    """Serve until told to stop by a signal; `ready` is called with the address once it listens.

    OSError where it cannot listen there.
    """
    settings = application.settings
    listening = _listen(settings.host, settings.port)
    config = uvicorn.Config(
        application.asgi(),
        loop="uvloop",
        http="httptools",
        ws=HandshakeProtocol,
        ws_max_size=BODY_LIMIT,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = _Server(config, application.gateway)
    serving = asyncio.create_task(server.serve([listening]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers a flag and no event
        await asyncio.sleep(STARTUP_POLL_S)
    if server.started:
        ready(_address(listening))
    await serving
