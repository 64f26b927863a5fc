"""One truthful scrape of a node, however many workers it has: each tells its own, and a label says whose it was.

Nothing is added up here: a worker that starts anew counts from zero, as Prometheus expects of a series, and one that
does not answer is shown as such instead of its last words.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from collabcampus.telemetry.metrics import REGISTRY

ANSWERS_WITHIN_S = 2.0
"""A worker that takes longer is down as far as a scrape is concerned; Prometheus waits for ten."""
_logger = structlog.get_logger(__name__)

WhyNot = Callable[[], Awaitable[str | None]]
"""Why it is not ready, in words; None where it is."""


class Sample(Struct, frozen=True, array_like=True):
    """One line of a scrape."""

    name: str
    labels: dict[str, str]
    value: float


class Family(Struct, frozen=True, array_like=True):
    """What Prometheus calls a metric: its lines, and what it says of them."""

    name: str
    says: str
    kind: str
    samples: list[Sample]


class Told(Struct, frozen=True):
    """What a worker says of itself: why it is not ready, if it is not, and its metrics."""

    why_not: str | None
    families: list[Family]


async def tell(why_not: WhyNot) -> Told:
    """What this process says of itself."""
    return Told(await why_not(), [_family(each) for each in REGISTRY.collect()])


@asynccontextmanager
async def telling(path: Path, why_not: WhyNot) -> AsyncIterator[None]:
    """Meanwhile tell whoever connects to a Unix socket at this path."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(msgspec.msgpack.encode(await tell(why_not)))
            await writer.drain()
        except OSError:
            pass  # who asked has gone
        finally:
            writer.close()

    path.unlink(missing_ok=True)  # of the one before, which may have had no time to
    try:
        server = await asyncio.start_unix_server(answer, path)
    except OSError as error:  # such as a folder whose path is too long: it serves all the same
        _logger.warning("metrics_are_not_told", error=error.strerror or str(error))
        yield
        return
    async with server:
        yield


async def ask(path: Path, within_s: float = ANSWERS_WITHIN_S) -> Told | None:
    """What the worker behind this socket says; None where there is none, or it does not answer in time."""
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                return msgspec.msgpack.decode(await reader.read(), type=Told)
            finally:
                writer.close()
    except (OSError, TimeoutError, msgspec.DecodeError):
        return None


async def ask_all(paths: Iterable[Path]) -> list[Told | None]:
    """What each of them says, asked at once."""
    return await asyncio.gather(*(ask(each) for each in paths))


def merged(told: Iterable[tuple[str, Told | None]], parent: Iterable[Metric] = ()) -> list[Metric]:
    """The families of all workers, by the worker's name: each family once, each line with its `worker`. Of a
    `parent` these, which are of other families."""
    up = GaugeMetricFamily("collabcampus_worker_up", "1 where the worker answers", labels=["worker"])
    ready = GaugeMetricFamily("collabcampus_ready", "1 where it is ready to serve", labels=["worker"])
    families: dict[str, Metric] = {}
    for worker, said in told:
        up.add_metric([worker], said is not None)
        if said is None:
            continue
        ready.add_metric([worker], said.why_not is None)
        for each in said.families:
            family = families.setdefault(each.name, Metric(each.name, each.says, each.kind))
            for sample in each.samples:
                family.add_sample(sample.name, {**sample.labels, "worker": worker}, sample.value)
    return [up, ready, *families.values(), *parent]


def _family(metric: Metric) -> Family:
    samples = [Sample(each.name, dict(each.labels), float(each.value)) for each in metric.samples]
    return Family(metric.name, metric.documentation, metric.type, samples)
