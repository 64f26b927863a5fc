"""The composition root: builds every room of the house; imported by the command line and `serving` alone."""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import psycopg
import socketio
import structlog
import uuid_utils
from litestar import Litestar
from psycopg import sql
from psycopg.conninfo import make_conninfo

from collabcampus.domain.errors import Busy
from collabcampus.embedded import Cluster, find_binaries
from collabcampus.http import api, mailed_pages
from collabcampus.http.documents import published
from collabcampus.http.door import Door
from collabcampus.http.following import Followers
from collabcampus.http.security_headers import SecurityHeaders
from collabcampus.identity import DISABLED_CHANNEL, KEYS_CHANNEL, NAMES_CHANNEL, SESSIONS_CHANNEL, Identity
from collabcampus.identity.letters import Letters
from collabcampus.identity.mail import mailer
from collabcampus.identity.openid import OpenId
from collabcampus.identity.post import Post
from collabcampus.live.bus import Bus
from collabcampus.live.heads import Heads
from collabcampus.live.notices import Notices
from collabcampus.live.presence import Presence
from collabcampus.live.projects import Projects
from collabcampus.live.reminders import remind
from collabcampus.live.spending import Spending
from collabcampus.live.typists import Typists
from collabcampus.log.database import POOL_MAX, Database
from collabcampus.log.follow import HEADS, PostgresBus, parse_heads
from collabcampus.log.migrate import migrate
from collabcampus.masking import MaskingFormatter, mask_secrets
from collabcampus.settings import BODY_LIMIT, Settings
from collabcampus.sockets import described, manual
from collabcampus.sockets.frames import Frame, SocketFrames, typing_frame
from collabcampus.sockets.gateway import Gateway
from collabcampus.sockets.handover import session_prefix
from collabcampus.sockets.limits import Limits

DATABASE_NAME = "collabcampus"
WATCH_S = 0.25
CANCEL_AGAIN_S = 0.1
REMIND_EACH_S = 60.0
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


def configure_logging() -> None:
    """JSON lines on standard error; standard output is for answers."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(MaskingFormatter("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[lines])
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            mask_secrets,
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

    def __init__(
        self, settings: Settings, conninfo: str, *, worker: int | None = None, node: str | None = None
    ) -> None:
        """`worker` is which of `settings.workers` this is, if there are several, and `node` its name among all."""
        self.settings = settings
        self.leaving = False
        """Whether it stops: then it is not ready, whatever else holds."""
        share = max(FEWEST_CONNECTIONS, CONNECTIONS // settings.workers)
        self.database = Database(conninfo, most=min(POOL_MAX, share))
        self.projects: Projects[Frame] = Projects(self.database, SocketFrames(), now=now, fresh_id=fresh_id)
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
        self.gateway.server.eio.sid_prefix = session_prefix(worker, settings.node)
        self.bus: Bus = PostgresBus(self.database, self._heal)
        self.bus.subscribe(HEADS, self._heads)
        self.bus.subscribe(SESSIONS_CHANNEL, self.identity.sessions.heard)
        self.bus.subscribe(KEYS_CHANNEL, self.identity.keys.heard)
        self.heads = Heads(self.projects.rooms, settings.head_each)
        self.bus.subscribe(DISABLED_CHANNEL, self.identity.administration.heard)
        self.bus.subscribe(NAMES_CHANNEL, self.identity.accounts.renamed)
        if self.gateway.budgets is not None:
            Spending(self.bus, self.gateway.budgets)
        self.presence = Presence(self.bus, self.projects.room, self.projects.rooms, node)
        self.projects.neighbours = self.presence
        self.gateway.typed = Typists(self.bus, self.projects.room, typing_frame).typed
        self.projects.committed_here = Notices(self.bus, self.gateway.told).committed

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Application"]:
        """Open the pool, follow the log, and give all back at the end."""
        await self.database.open()
        try:
            await self.identity.open()
            following = asyncio.create_task(self.bus.run())
            try:
                async with self.identity.security.running(), self.projects.running():
                    beside = [asyncio.create_task(each) for each in (self._reminding(), self.heads.run())]
                    try:
                        yield self
                    finally:
                        for each in beside:
                            with suppress(Exception):  # whatever one ended with, what follows has to end too
                                await _ended(each)
                        await self.identity.post.drained()
            finally:
                await _ended(following)
        finally:
            self.identity.close()
            await self.openid.close()
            await self.database.close()

    def asgi(self) -> Any:
        """The ASGI application: Socket.IO under `/socket.io`, HTTP everywhere else."""
        both = socketio.ASGIApp(self.gateway.server, other_asgi_app=self.http())
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
            self._ready,
            openid=self.openid,
            origins=self.settings.origins,
            body_limit=BODY_LIMIT,
            budgets=self.gateway.budgets,
            documents=documents,
        )

    def _heads(self, payload: str) -> None:
        for project_id, position in parse_heads(payload):
            self.projects.hint(project_id, position)

    async def _heal(self) -> None:
        await self.identity.heal()
        with suppress(Busy):
            await self.projects.heal()
        self.presence.tick()

    async def _reminding(self) -> None:
        """Remind people now and then, beside everything else; an outage is waited out."""
        while True:
            try:
                await remind(self.database, self.projects, now())
            except Busy:
                pass
            except Exception:
                structlog.get_logger(__name__).exception("reminding_failed")
            await asyncio.sleep(REMIND_EACH_S)

    async def _ready(self) -> bool:
        try:
            rows = await self.database.fetch("SELECT NOT pg_is_in_recovery()")
        except Busy:
            return False
        return bool(rows[0][0]) and self.bus.listening.is_set() and not self.leaving


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
