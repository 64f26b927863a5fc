"""The security log: who came in, who was refused, what administrators did.

Each entry is a row that the app's role can add and never change, and a JSON line on standard error (`security`).
Recording never waits and never fails: rows are written in batches by one task, and where the database is away for
long, what is too much is counted and said.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
import psycopg
import structlog
from msgspec import Struct

from collabcampus.domain.errors import Busy
from collabcampus.log.database import Database
from collabcampus.telemetry import metrics

SIGNED_IN = "signed_in"
SIGN_IN_REFUSED = "sign_in_refused"
PASSWORD_REFUSED = "password_refused"  # noqa: S105 - a kind # nosec B105
PROVIDER_REFUSED = "provider_refused"
THROTTLED = "throttled"
REGISTERED = "registered"
SIGNED_OUT = "signed_out"
SESSION_ENDED = "session_ended"
REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - a kind # nosec B105
TOKEN_REFUSED = "token_refused"  # noqa: S105 - a kind # nosec B105
DISABLED_REFUSED = "disabled_refused"
API_TOKEN_MADE = "api_token_made"  # noqa: S105 - a kind # nosec B105
API_TOKEN_REVOKED = "api_token_revoked"  # noqa: S105 - a kind # nosec B105
API_TOKEN_EXPIRED = "api_token_expired"  # noqa: S105 - a kind # nosec B105
PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a kind # nosec B105
PASSWORD_FORGOTTEN = "password_forgotten"  # noqa: S105 - a kind # nosec B105
PASSWORD_RESET = "password_reset"  # noqa: S105 - a kind # nosec B105
MAILED_TOKEN_REFUSED = "mailed_token_refused"  # noqa: S105 - a kind # nosec B105
ADDRESS_CHANGED = "address_changed"
ADDRESS_VERIFIED = "address_verified"
ACCOUNT_CLOSED = "account_closed"
PROVIDER_LINKED = "provider_linked"
ACCOUNT_TAKEN_OVER = "account_taken_over"
KEY_ROTATED = "key_rotated"
PERSON_DISABLED = "person_disabled"
PERSON_ENABLED = "person_enabled"
PERSON_PROMOTED = "person_promoted"
PERSON_DEMOTED = "person_demoted"
SESSIONS_ENDED = "sessions_ended"
OWNER_APPOINTED = "owner_appointed"
ENTRIES_LOST = "entries_lost"

KINDS = frozenset(each for name, each in dict(globals()).items() if name.isupper() and isinstance(each, str))
"""All of these."""

QUEUED = 10_000
"""Entries that wait for the database; beyond, they are in the lines alone, and counted."""
AT_ONCE = 500
RETRY_S = 0.5
DRAIN_S = 2.0
KEPT = timedelta(days=400)
FORGET_EACH_S = 24 * 3_600
SAMPLED, SAMPLED_EACH_S = 10, 60.0
"""Of what anybody can bring about at will, so many of a kind are recorded in so many seconds."""
LONGEST_DETAIL = 200

peer: ContextVar[str | None] = ContextVar("peer", default=None)
"""The address that whoever asks right now comes from; the doors set it."""

_logger = structlog.get_logger(__name__)

Detail = str | int

COMMAND_LINE = "command line"


class Entry(Struct, frozen=True, rename="camel"):
    """A row: `entry` numbers them, `actor_id` is who did it where that is not the person themselves."""

    entry: int
    at: str
    kind: str
    user_id: str | None
    actor_id: str | None
    session_id: str | None
    address: str | None
    detail: dict[str, Any]


class Wanted(Struct, frozen=True):
    """Which entries: of a kind, about a person, from a moment on and before another (RFC 3339)."""

    kind: str | None = None
    user_id: str | None = None
    since: str | None = None
    until: str | None = None


_Row = tuple[datetime, str, str | None, str | None, str | None, str | None, str]


class SecurityLog:
    """Takes entries while it is `running`, and before that keeps them until then."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Row] = deque()
        self._lost = 0
        self._arrived, self._written = asyncio.Event(), asyncio.Event()
        self._samples: dict[str, _Sample] = {}
        self.by: str | None = None
        """What does all that is recorded here, where that is no server; each entry says so."""

    def record(
        self,
        kind: str,
        *,
        user_id: str | None = None,
        actor_id: str | None = None,
        session_id: str | None = None,
        address: str | None = None,
        **detail: Detail,
    ) -> None:
        """Note what happened to a person (`user_id`), by whose doing if not their own (`actor_id`).

        The peer's address is known where a request is being answered. Nothing secret belongs into `detail`.
        """
        metrics.security(kind).inc()
        address = address or peer.get()
        ids = {"user_id": user_id, "actor_id": actor_id, "session_id": session_id, "address": address}
        if self.by:
            detail["by"] = self.by
        plain = {name: _plain(value) for name, value in detail.items()}
        _logger.info("security", kind=kind, **{name: value for name, value in ids.items() if value}, detail=plain)
        if len(self._waiting) >= QUEUED:
            self._lost += 1
            return
        text = msgspec.json.encode(plain).decode()
        self._waiting.append((datetime.now(UTC), kind, user_id, actor_id, session_id, address, text))
        self._arrived.set()

    def record_some(
        self, kind: str, *, user_id: str | None = None, session_id: str | None = None, **detail: str
    ) -> None:
        """Note one of many that anybody could bring about at will: a few of them in a time, with how many were not
        recorded before (`unsaid`)."""
        sample = self._samples.setdefault(kind, _Sample())
        if sample.takes(time.monotonic()):
            unsaid, sample.unsaid = sample.unsaid, 0
            self.record(kind, user_id=user_id, session_id=session_id, unsaid=unsaid, **detail)
        else:
            metrics.security(kind).inc()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["SecurityLog"]:
        """Write meanwhile, and let go of what is old; at the end what waits is written, for a bounded time."""
        tasks = [asyncio.create_task(work()) for work in (self._write_all, self._forget_all)]
        try:
            yield self
        finally:
            try:
                async with asyncio.timeout(DRAIN_S):
                    await self.drained()
            except TimeoutError:
                _logger.error("security_entries_not_written", count=len(self._waiting))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def waiting(self) -> int:
        """Entries that are not written yet."""
        return len(self._waiting)

    async def drained(self) -> None:
        """Wait until everything recorded so far is written."""
        while self._waiting:
            self._written.clear()
            await self._written.wait()

    async def entries(self, wanted: Wanted, before: int | None, limit: int) -> list[Entry]:
        """Entries, the last first; `before` is the number of one."""
        rows = await self._database.fetch(
            "SELECT entry, rfc3339(at), kind, user_id, actor_id, session_id, address, detail FROM security_log "
            "WHERE (%s::text IS NULL OR kind = %s) AND (%s::uuid IS NULL OR user_id = %s::uuid) "
            "AND (%s::timestamptz IS NULL OR at >= %s::timestamptz) "
            "AND (%s::timestamptz IS NULL OR at < %s::timestamptz) AND (%s::bigint IS NULL OR entry < %s::bigint) "
            "ORDER BY entry DESC LIMIT %s",
            *(wanted.kind, wanted.kind, wanted.user_id, wanted.user_id),
            *(wanted.since, wanted.since, wanted.until, wanted.until, before, before),
            limit,
            by_values=True,
        )
        return [Entry(*row) for row in rows]

    async def forget(self) -> int:
        """Let go of what is older than KEPT, some at a time: how many."""
        return int((await self._database.write("SELECT forget_security_log(%s)", KEPT))[0][0])

    async def _write_all(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._write_some()
                self._written.set()

    async def _write_some(self) -> None:
        batch = list(islice(self._waiting, AT_ONCE))
        try:
            await self._write(batch)
        except Busy:
            await asyncio.sleep(RETRY_S)  # it may have landed all the same: then it is there twice, rather than not
            return
        for _ in batch:
            self._waiting.popleft()
        if self._lost:
            lost, self._lost = self._lost, 0
            self.record(ENTRIES_LOST, count=lost)

    async def _write(self, batch: list[_Row]) -> None:
        try:
            await self._database.write(
                "INSERT INTO security_log (at, kind, user_id, actor_id, session_id, address, detail) "
                "SELECT * FROM unnest(%s::timestamptz[], %s::text[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], "
                "%s::jsonb[]) RETURNING 1",
                *map(list, zip(*batch, strict=True)),
            )
        except psycopg.Error:
            if len(batch) == 1:
                _logger.exception("security_entry_not_written", kind=batch[0][1])
                self._lost += 1
                return
            for row in batch:  # one that does not fit costs nobody else theirs
                await self._write([row])

    async def _forget_all(self) -> None:
        while True:
            with suppress(Busy):
                while await self.forget():
                    pass
            await asyncio.sleep(FORGET_EACH_S)


class _Sample:
    """So many in a time."""

    def __init__(self) -> None:
        self._since, self._taken, self.unsaid = 0.0, 0, 0

    def takes(self, now: float) -> bool:
        """Whether one more is recorded; otherwise it is counted."""
        if not self._since or now - self._since > SAMPLED_EACH_S:
            self._since, self._taken = now, 0
        self._taken += 1
        self.unsaid += self._taken > SAMPLED
        return self._taken <= SAMPLED


def _plain(value: Detail) -> Detail:
    """What PostgreSQL takes as text, and not too much of it."""
    if isinstance(value, int):
        return value
    return value[:LONGEST_DETAIL].replace("\0", "").encode("utf-8", "replace").decode()
