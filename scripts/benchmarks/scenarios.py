"""What is measured: each scenario's shape, its figures, and the targets they are held against."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from load import Shape

PEOPLE = 50
TASKS = 20
ALL = ("ours", "node", "socketio")
OURS = ("ours",)
SOURCES = ("one by one", "by the hundred")
ALIKE = 0.8
"""What counts as a ratio of about 1."""


@dataclass(frozen=True)
class Figure:
    """One number of a result. `targets`: by system, how many times the system's own figure ours is to be."""

    name: str
    unit: str
    of: Callable[[dict[str, Any]], float]
    higher: bool = True
    targets: tuple[tuple[str, float], ...] = ()
    absolute: float | None = None
    against: str | None = None
    """Another scenario of ours with the same figure, that this one is not to fall behind."""


@dataclass(frozen=True)
class Variant:
    """Ours with another amount of data, in a database of its own."""

    name: str
    tasks: int = TASKS
    events: int = 0


@dataclass(frozen=True)
class Scenario:
    """One scenario; `fresh`: the server is started anew for each round."""

    name: str
    what: str
    figures: tuple[Figure, ...]
    shape: Shape | None = None
    people: int = PEOPLE
    tasks: int = TASKS
    systems: tuple[str, ...] = ALL
    variants: tuple[Variant, ...] = ()
    fresh: bool = False
    resume: bool = False
    """Joins name the position they have: the head."""


def per_second(name: str) -> Callable[[dict[str, Any]], float]:
    """How many of something there were in a second of the window."""
    return lambda result: float(result[name]) / float(result["seconds"])


def milliseconds(name: str) -> Callable[[dict[str, Any]], float]:
    """A percentile of what was timed."""
    return lambda result: float(result["ms"][name])


def seconds(name: str) -> Callable[[dict[str, Any]], float]:
    """The same in seconds."""
    return lambda result: float(result["ms"][name]) / 1e3


def kib_per_connection(result: dict[str, Any]) -> float:
    """Resident memory that a connection costs."""
    return float(result["rssAfter"] - result["rssBefore"]) / float(result["connected"])


def connects(result: dict[str, Any]) -> float:
    """Connections made in a second, up to the welcome."""
    return float(result["connected"]) / float(result["connectSeconds"])


def settings(**values: Any) -> tuple[tuple[str, Any], ...]:
    """For the load generator."""
    return tuple(values.items())


def _fanout(clients: int, movers: int, node: float, *others: tuple[str, float]) -> Scenario:
    name = f"fanout-{clients}" + ("-single" if movers == 1 else "")
    what = f"{clients} clients in one room, {movers} of them with a move outstanding"
    figure = Figure("deliveries", "/s", per_second("deliveries"), targets=(("node", node), *others))
    latency = Figure("ack p50", "ms", milliseconds("p50"), higher=False)
    return Scenario(name, what, (figure, latency), Shape(clients, senders=movers))


def _moves(name: str, clients: int, rooms: int, outstanding: int, node: float) -> Scenario:
    what = f"{clients} clients in {rooms} rooms, {outstanding} moves outstanding each"
    figure = Figure("acked moves", "/s", per_second("acks"), targets=(("node", node),))
    shape = Shape(clients, rooms, tasks=outstanding, settings=settings(outstanding=outstanding))
    return Scenario(name, what, (figure,), shape, tasks=max(TASKS, clients // rooms * outstanding))


def _latency() -> Scenario:
    figures = tuple(
        Figure(f"ack {name}", "ms", milliseconds(name), False, (("node", 1.0),) if name != "p95" else ())
        for name in ("p50", "p95", "p99")
    )
    offered = Figure("acked moves", "/s", per_second("acks"))
    what = "1,000 moves/s offered by 100 clients in 100 rooms, timed from when each was due"
    return Scenario("latency-1000", what, (*figures, offered), Shape(100, 100, settings=settings(rate=1000)))


def _joins() -> list[Scenario]:
    joins = Figure("joins", "/s", per_second("joins"), absolute=1_000)
    took = [Figure(f"after p{name}", "s", seconds(f"p{name}"), False) for name in (50,)]
    last = [
        Figure("after p99", "s", seconds("p99"), False, absolute=3.0),
        Figure("after all", "s", seconds("max"), False),
    ]
    join = settings(mode="joins")
    what = "join, the whole board, leave, again; four sockets at a time"
    return [
        Scenario("join-5000", f"a board of 5,000 tasks: {what}", (joins,), Shape(4, settings=join), tasks=5_000),
        Scenario("join-head", f"joining at the head: {what}", (joins,), Shape(4, settings=join), resume=True),
        Scenario(
            "rejoin-2000", "2,000 connected sockets join one room at once, at its head", (*took, *last),
            Shape(2_000, settings=settings(mode="rejoin")), people=200, resume=True,
        ),
    ]  # fmt: skip


def _connections() -> list[Scenario]:
    idle = settings(mode="idle")
    memory = Figure("memory", "KiB/connection", kib_per_connection, higher=False, targets=(("node", 1.0),))
    few, many = (Figure("connects", "/s", connects, against=against) for against in (None, "connect-500"))
    return [
        Scenario("idle-memory", "5,000 sockets that only stay", (memory,), Shape(5_000, settings=idle), fresh=True),
        Scenario("connect-500", "500 sockets, 50 connecting at a time", (few,), Shape(500, settings=idle)),
        Scenario("connect-5000", "5,000 sockets, 50 connecting at a time", (many,), Shape(5_000, settings=idle)),
    ]


def _sizes(log_events: int) -> list[Scenario]:
    shape = Shape(100, 10, senders=5, tasks=2, settings=settings(outstanding=2))
    what = "50 clients of 100 in 10 rooms, two moves outstanding each"
    sizes = {
        "log-size": [Variant(f"ours, {events:,} events", events=events) for events in (1_000, log_events)],
        "board-size": [Variant(f"ours, {tasks:,} tasks", tasks=tasks) for tasks in (10, 5_000)],
    }
    return [
        Scenario(
            name, what, (Figure("acked moves", "/s", per_second("acks"), absolute=None),), shape, systems=OURS,
            variants=tuple(variants),
        )
        for name, variants in sizes.items()
    ]  # fmt: skip


def _appending() -> Scenario:
    appended, library = ("unhashed", 0.9), ("eventsourcing", 1.0)
    figures = tuple(
        Figure(name, "events/s", lambda result, key=key: float(result[key]), targets=targets)
        for name, key, targets in (
            ("append by 1", "by1", (library, appended)),
            ("append by 100", "by100", (library, appended)),
            ("replay of 20,000", "replay", (library,)),
            ("fold of a mixed history", "fold", (("eventsourcing", 15.0),)),
        )
    )
    what = (
        "the log alone, no sockets, beside one without hashes and the eventsourcing library, whose fold is its replay"
    )
    return Scenario("append-replay", what, figures, systems=("ours", "unhashed", "eventsourcing"))


def _rebuilding(log_events: int) -> Scenario:
    def ratio(result: dict[str, Any]) -> float:
        return float(result["p99With"]) / float(result["p99Without"])

    figures = (
        Figure("all read models", "events/s", lambda result: float(result["rebuild"]), absolute=1_000_000.0),
        Figure("under 1,000 writes/s", "events/s", lambda result: float(result["rebuildUnderWrites"])),
        Figure("writers' p99 without", "ms", lambda result: float(result["p99Without"]), higher=False),
        Figure("writers' p99 beside it", "ms", lambda result: float(result["p99With"]), higher=False),
        Figure("beside it to without", "x", ratio, higher=False, absolute=2.0),
    )
    what = f"all read models of {log_events:,} events made anew, alone and under writes"
    variants = (Variant("ours", events=log_events),)
    return Scenario("rebuild", what, figures, systems=OURS, variants=variants)


def _reading() -> Scenario:
    def took(key: str) -> Callable[[dict[str, Any]], float]:
        return lambda result: float(result[key])

    searches = [
        Figure(f"search, {name}", "ms", took(f"search{key}"), higher=False, absolute=50.0)
        for name, key in (
            ("a rare word", "Rare"), ("a common word", "Common"), ("two words", "Two"), ("a part of a word", "Part"),
            ("a misspelt word", "Misspelt"),
        )
    ]  # fmt: skip
    figures = (
        Figure("board, cold", "ms", took("cold"), higher=False, absolute=150.0),
        Figure("board, warm", "ms", took("warm"), higher=False, absolute=5.0),
        *searches,
        Figure("edit, 10 tasks", "ms", took("editSmall"), higher=False),
        Figure("edit, 5,000 tasks", "ms", took("editBig"), higher=False),
        Figure(
            "edit, 5,000 to 10 tasks", "x", lambda result: float(result["editBig"]) / float(result["editSmall"]),
            higher=False, absolute=1 / ALIKE,
        ),
    )  # fmt: skip
    what = "over HTTP: a board of 5,000 tasks, search over 100,000 tasks in 20 projects, one edit at a time"
    return Scenario("reading", what, figures, systems=OURS)


def _logins() -> Scenario:
    figures = (
        Figure("lag beside sign-ins, p99", "ms", lambda result: float(result["lag"]), higher=False, absolute=50.0),
        Figure("lag alone, p99", "ms", lambda result: float(result["alone"]), higher=False),
        Figure("sign-ins", "/s", lambda result: float(result["signIns"])),
    )
    return Scenario("logins", "50 people sign in at once, others ask /health/live", figures, systems=OURS)


def _hostile() -> Scenario:
    what = "50 well-behaved sockets in one room, 200 moves/s in all, beside each attack (a table of its own)"
    return Scenario("hostile", what, (), Shape(50, settings=settings(rate=200)), tasks=50, systems=OURS)


def scenarios(log_events: int) -> list[Scenario]:
    """All of them; `log_events` is the length of the long log."""
    return [
        _fanout(500, 8, 3.0, ("socketio", 10.0)),
        _fanout(50, 8, 2.0),
        _fanout(5_000, 8, 2.0),
        _fanout(500, 1, 1.2),
        _moves("moves-100x1", 100, 100, 1, 3.0),
        _moves("moves-10x10", 100, 10, 4, 4.0),
        _moves("moves-4x50", 200, 4, 4, 8.0),
        _latency(),
        *_joins(),
        *_connections(),
        *_sizes(log_events),
        _appending(),
        _rebuilding(log_events),
        _reading(),
        _hostile(),
        _logins(),
        _generator(),
    ]


def _generator() -> Scenario:
    delivered = Figure("deliveries", "/s", per_second("deliveries"))
    what = "what the load generator itself can take: 500 clients of the least server there could be, in C"
    return Scenario("generator", what, (delivered,), Shape(500, senders=200), tasks=200, systems=SOURCES)
