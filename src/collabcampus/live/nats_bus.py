"""The bus over NATS: a subject for each project, so that a node hears of those alone that it has in memory.

Nothing is stored there. What is told of all projects has a subject for each channel. The connection is made anew by
us and not by the client library, which would keep what was to be told meanwhile and tell it late.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from collabcampus.domain.errors import Busy, Unavailable
from collabcampus.log.pulse import TICK_S, Deaf, Pulse, Tick

PREFIX = "collabcampus"
RECONNECT_S = 0.5
ANSWER_WITHIN_S = 5
"""A server that takes longer to connect to, to confirm or to take more has gone."""

Heard = Callable[[str], None]
Arriving = Callable[[list[str]], Awaitable[None]]

_logger = structlog.get_logger(__name__)


class NatsBus:
    """One node's connection to a NATS server, or to one of several that form a cluster."""

    def __init__(self, url: str, tick: Tick, arriving: Arriving, *, interval_s: float = TICK_S) -> None:
        """`url` is as in the settings. `arriving` is awaited with projects that are heard of from now on: what was
        told just before was not. `tick` as for every bus."""
        self._servers, prefix = _read(url)
        self._nodes, self._projects = f"{prefix}.nodes", f"{prefix}.projects"
        self._heartbeat = f"{prefix}.heartbeat.{uuid.uuid4().hex}"
        self._pulse, self._arriving = Pulse(tick, interval_s, "nats"), arriving
        self._channels: dict[str, Heard] = {}
        self._cared: set[str] = set()
        self._subscriptions: dict[str, Subscription] = {}
        self._care_changed = asyncio.Event()
        self._client: Client | None = None

    @property
    def tick(self) -> Tick:
        """Awaited every few seconds."""
        return self._pulse.tick

    @tick.setter
    def tick(self, tick: Tick) -> None:
        self._pulse.tick = tick

    @property
    def listening(self) -> asyncio.Event:
        """Set while what others publish is known to arrive here."""
        return self._pulse.listening

    def subscribe(self, channel: str, heard: Heard) -> None:
        """Call `heard` with each payload of a channel; before `run`. It must neither wait nor fail."""
        self._channels[channel] = heard

    def care(self, project_id: str) -> None:
        """Hear what is published of this project too, as soon as the server knows."""
        self._cared.add(project_id)
        self._care_changed.set()

    def let_go(self, project_id: str) -> None:
        """What is published of this project is needed here no longer."""
        self._cared.discard(project_id)
        self._care_changed.set()

    async def publish(self, channel: str, payload: str, project_id: str | None = None) -> None:
        """Tell every node, or those that care for a project; a Busy where it cannot be told."""
        whom = f"{self._projects}.{project_id}" if project_id else self._nodes
        await self._publish(f"{whom}.{channel}", payload)

    async def run(self) -> None:
        """Listen until cancelled; a lost connection is made again."""
        async with self._pulse.ticking():
            while True:
                try:
                    await self._listen()
                except (nats.errors.Error, OSError, TimeoutError, Deaf) as error:
                    _logger.warning("bus_lost_its_connection", error=type(error).__name__)
                except Exception:
                    _logger.exception("bus_failed")  # and goes on, as the log's follower does
                await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> None:
        client, lost = Client(), asyncio.Event()
        try:
            async with asyncio.timeout(2 * ANSWER_WITHIN_S):
                await self._connect(client, lost)
            self._client = client
            self._care_changed.set()
            beat, answers = partial(self._publish, self._heartbeat, ""), partial(_answers, client)
            beating = self._pulse.beating(beat, answers)
            await _first_to_end(beating, self._follow_care(client), _raise_once(lost))
        finally:
            self._client = None
            self._subscriptions.clear()
            self._pulse.lost()
            with suppress(Exception):
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    await client.close()

    async def _connect(self, client: Client, lost: asyncio.Event) -> None:
        async def closed() -> None:
            lost.set()

        await client.connect(
            self._servers,
            name="collabcampus",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=ANSWER_WITHIN_S,
            closed_cb=closed,
            error_cb=_note,
        )
        await client.subscribe(f"{self._nodes}.*", cb=self._hear)
        await client.subscribe(self._heartbeat, cb=self._beat)
        await _answers(client)

    async def _follow_care(self, client: Client) -> None:
        """Subscribe to what is cared for, and to nothing else; several at a time."""
        while True:
            await self._care_changed.wait()
            self._care_changed.clear()
            new = self._cared - self._subscriptions.keys()
            for project_id in self._subscriptions.keys() - self._cared:
                await self._subscriptions.pop(project_id).unsubscribe()
            for project_id in new:
                subject = f"{self._projects}.{project_id}.*"
                self._subscriptions[project_id] = await client.subscribe(subject, cb=self._hear)
            await _answers(client)
            with suppress(Busy):  # the tick looks
                await self._arriving([*new])

    async def _publish(self, subject: str, payload: str) -> None:
        if self._client is None:
            raise Unavailable
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._client.publish(subject, payload.encode())
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise Unavailable from error

    async def _beat(self, _: Msg) -> None:
        self._pulse.heard()

    async def _hear(self, message: Msg) -> None:
        channel = message.subject.rpartition(".")[2]
        try:
            if heard := self._channels.get(channel):
                heard(message.data.decode())
        except Exception:  # one that fails must not cost the others their hints
            _logger.exception("hint_not_taken", channel=channel)


def _read(url: str) -> tuple[list[str], str]:
    """The servers, and what all subjects begin with: the path of the last one."""
    servers = [each.strip() for each in url.split(",")]
    path = urlsplit(servers[-1]).path
    return [each.removesuffix(path) if path else each for each in servers], path.strip("/") or PREFIX


async def _answers(client: Client) -> None:
    """Wait until the server has all that was sent.

    The library does so in a task of its own: Python 3.11's `wait_for` loses a cancellation that comes as it finishes.
    """
    flushing = asyncio.ensure_future(client.flush(ANSWER_WITHIN_S))
    flushing.add_done_callback(lambda _: flushing.cancelled() or flushing.exception())
    try:
        await asyncio.wait((flushing,))
        flushing.result()
    finally:
        flushing.cancel()


async def _first_to_end(*work: Awaitable[None]) -> None:
    """Run all of it until one ends or fails, which is then what this does."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _raise_once(lost: asyncio.Event) -> None:
    await lost.wait()
    raise nats.errors.ConnectionClosedError


async def _note(error: Exception) -> None:
    _logger.warning("bus_had_an_error", error=type(error).__name__)
