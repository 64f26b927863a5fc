"""What is counted and measured, all of it in one place. Names are Prometheus's; no label holds anybody's id.

Each series is bound here, once: on the way of a command there is an addition, and no looking up of labels.
"""

from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
FATES = ("appended", "moved", "repeated", "taken", "unknown", "failed", "error")
UNMATCHED = "unmatched"
"""The route of a request that none was found for: its path is anybody's text."""

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
"""Everything of this process."""
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


def _histogram(name: str, says: str, buckets: tuple[float, ...] = SECONDS, labels: tuple[str, ...] = ()) -> Histogram:
    return Histogram(f"collabcampus_{name}", says, labels, buckets=buckets, registry=REGISTRY)


def _counter(name: str, says: str, *labels: str) -> Counter:
    return Counter(f"collabcampus_{name}", says, labels, registry=REGISTRY)


batch_commands = _histogram("commit_batch_commands", "Commands of one commit", SIZES)
commit_seconds = _histogram("commit_seconds", "From sending a batch until its outcome is known")
_parts = _counter("commit_parts", "Projects' parts of batches, by what became of them", "outcome")
retried = _counter("commands_retried", "Commands that were decided again, since their project had moved")

command_seconds = _histogram("command_seconds", "From a command's arrival until its answer")
_refused = _counter("commands_refused", "Commands that were declined, by the code of the error", "code")
failed = _counter("commands_failed", "Commands that failed for no fault of the client's")

_delivery = _histogram("delivery_lag_seconds", "From an event's commit until its room is told", labels=("origin",))
delivered_here = _delivery.labels("here")
delivered_from_elsewhere = _delivery.labels("elsewhere")
"""What others committed: from the time that its event bears, so the nodes' clocks count in."""
frames = _counter("events_delivered", "Events told to sockets, each to each")
resyncs = _counter("resyncs", "Sockets that fell behind and were told to join again")
slow_closed = _counter("slow_clients_closed", "Sockets closed because their client reads nothing")
floods_closed = _counter("flooding_clients_closed", "Sockets closed because their client does not stop when told to")

_heartbeat = _histogram("heartbeat_seconds", "From publishing one's own heartbeat until it is heard", labels=("bus",))
_deaf = _counter("follower_deaf", "Connections to a bus that were given up since nothing came over them", "bus")
loop_lag = _histogram("event_loop_lag_seconds", "By how much the event loop runs late")

http_seconds = _histogram(
    "http_request_seconds",
    "From a request until its answer begins, by route and status",
    labels=("method", "route", "status"),
)
_security = _counter("security_events", "What the security log is told, by kind, recorded or not", "kind")


@cache
def part(fate: str) -> Counter:
    """Parts of batches with this fate: `moved` is a conflict with another node, which is tried again."""
    return _parts.labels(fate)


@cache
def refused(code: str) -> Counter:
    """Commands declined with this code, which is one of ours."""
    return _refused.labels(code)


@cache
def heartbeat(bus: str) -> Histogram:
    """Round trips over this bus."""
    return _heartbeat.labels(bus)


@cache
def deaf(bus: str) -> Counter:
    """Deaf connections of this bus."""
    return _deaf.labels(bus)


@cache
def security(kind: str) -> Counter:
    """Entries of one of the security log's kinds."""
    return _security.labels(kind)


for _fate in FATES:
    part(_fate)  # so that a rate is there from the first conflict on


@cache
def http(method: str, route: str, status: int) -> Histogram:
    """Requests of one route, which is a template and no path, that got this status."""
    return http_seconds.labels(method, route, str(status))
