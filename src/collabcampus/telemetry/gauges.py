"""What is not counted as it happens but looked at when somebody asks: depths, pools, who is there."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from collabcampus.telemetry.metrics import REGISTRY

POOL_STATES = ("idle", "used")
_GAUGES = {
    "commands_waiting": "Commands on their way",
    "rooms": "Rooms that somebody is in",
    "sockets_behind": "Sockets that read too slowly and are told nothing of their rooms",
    "outbox_bytes": "Bytes that wait for clients, together",
    "outbox_largest_bytes": "Bytes that wait for the slowest client",
    "security_entries_waiting": "Entries of the security log that are not written yet",
    "pool_requests_waiting": "Pieces of work that wait for a connection to the database",
}
_LABELLED = {
    "sockets": ("Sockets that are connected", "transport"),
    "pool_connections": ("Connections to the database", "state"),
    "bus_listening": ("1 while this node hears its own heartbeat", "bus"),
}
_COUNTERS = {
    "pool_requests": "Pieces of work that asked for a connection to the database",
    "pool_requests_failed": "Those of them that got none in time",
    "pool_wait_seconds": "Seconds that they waited for one, together",
}

Looked = Mapping[str, float | Mapping[str, float]]
"""A value by the name of its gauge or counter; by label, where it has one."""


class Gauges(Collector):
    """Asks `look` for the values, whenever metrics are collected."""

    def __init__(self, look: Callable[[], Looked]) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        """Their names, without looking."""
        return _families({})

    def collect(self) -> Iterable[Metric]:
        """The values right now."""
        return _families(self._look())

    def __enter__(self) -> "Gauges":
        REGISTRY.register(self)
        return self

    def __exit__(self, *_: object) -> None:
        REGISTRY.unregister(self)


def _families(looked: Looked) -> Iterator[Metric]:
    for name, says in _GAUGES.items():
        yield _with(GaugeMetricFamily(f"collabcampus_{name}", says), looked.get(name))
    for name, (says, label) in _LABELLED.items():
        yield _with(GaugeMetricFamily(f"collabcampus_{name}", says, labels=[label]), looked.get(name))
    for name, says in _COUNTERS.items():
        yield _with(CounterMetricFamily(f"collabcampus_{name}", says), looked.get(name))


def _with(
    family: GaugeMetricFamily | CounterMetricFamily, value: float | Mapping[str, float] | None
) -> GaugeMetricFamily | CounterMetricFamily:
    values = value if isinstance(value, Mapping) else {} if value is None else {None: value}
    for label, each in values.items():
        family.add_metric([] if label is None else [label], each)
    return family
