"""What was found: medians, ranges, ratios, targets reached or not; as a table, and as JSON with the raw numbers."""

import statistics
from collections.abc import Iterable
from typing import Any

from scenarios import ALIKE, Figure, Scenario

Results = dict[str, dict[str, list[dict[str, Any]]]]
"""By scenario, by system (or variant), a result for each round; void rounds are not among them."""

HEADINGS = (
    "scenario",
    "figure",
    "system",
    "median",
    "min-max",
    "ours/it",
    "target",
    "reached",
    "server",
    "pg",
    "load",
)
LEFT = 3


def number(value: float) -> str:
    """To three significant digits or so."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.3f}"


def values(figure: Figure, results: Iterable[dict[str, Any]]) -> list[float]:
    """A figure in each round."""
    return [figure.of(result) for result in results]


def summary(scenarios: list[Scenario], results: Results) -> list[dict[str, Any]]:
    """One row for each figure of each system."""
    rows = []
    for scenario in scenarios:
        for figure in scenario.figures:
            rows += _rows(scenario, figure, results)
    return rows


def _rows(scenario: Scenario, figure: Figure, results: Results) -> list[dict[str, Any]]:
    found = {name: values(figure, each) for name, each in results.get(scenario.name, {}).items() if each}
    medians = {name: statistics.median(each) for name, each in found.items()}
    rows = []
    for name, each in found.items():
        row = {
            "scenario": scenario.name, "figure": f"{figure.name} {figure.unit}", "system": name,
            "median": medians[name], "min": min(each), "max": max(each),
            **_cpu(results[scenario.name][name]),
        }  # fmt: skip
        rows.append(row | _judged(scenario, figure, name, medians, results))
    return rows


def _judged(
    scenario: Scenario, figure: Figure, name: str, medians: dict[str, float], results: Results
) -> dict[str, Any]:
    """How ours stands to this system, or to what is asked of ours alone."""
    own = medians[name]
    if scenario.variants:
        first = next(iter(medians))
        ratio = own / medians[first]
        return {} if name == first else {"ratio": ratio, "target": f"about 1 (>= {ALIKE})", "reached": ratio >= ALIKE}
    if name != "ours":
        ratio = medians["ours"] / own if own and "ours" in medians else None
        target = dict(figure.targets).get(name)
        return {"ratio": ratio} | (_held(ratio, target, figure.higher, "x") if ratio and target else {})
    if figure.absolute is not None:
        return _held(own, figure.absolute, figure.higher, "")
    if figure.against and (others := results.get(figure.against, {}).get("ours")):
        other = statistics.median(values(figure, others))
        return {"target": f">= {figure.against}", "reached": own >= other}
    return {}


def _held(value: float, target: float, higher: bool, unit: str) -> dict[str, Any]:
    sign = ">=" if higher else "<="
    return {"target": f"{sign} {target:g}{unit}", "reached": value >= target if higher else value <= target}


def _cpu(results: list[dict[str, Any]]) -> dict[str, float]:
    """Medians of the shares of a core."""
    shares = [result["cpuShares"] for result in results if "cpuShares" in result]
    names = ("server", "postgres", "load")
    return {f"{name}Cpu": statistics.median(each.get(name, 0.0) for each in shares) for name in names if shares}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows for people."""
    lines = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < LEFT else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    ratio = row.get("ratio")
    return (
        row["scenario"], row["figure"], row["system"], number(row["median"]),
        f"{number(row['min'])} - {number(row['max'])}",
        f"{ratio:.2f}" if ratio else "", row.get("target", ""),
        {True: "yes", False: "no", None: ""}[row.get("reached")],
        *(f"{row[name]:.0%}" if name in row else "" for name in ("serverCpu", "postgresCpu", "loadCpu")),
    )  # fmt: skip


def heading(about: dict[str, Any], rounds: int, length: float) -> str:
    """The machine, versions and settings."""

    def listed(each: dict[str, Any]) -> str:
        return ", ".join(f"{name} {value}" for name, value in each.items())

    return "\n".join((
        about["machine"], about["cores"],
        f"python {about['python']}, {listed(about['packages'])}",
        listed(about["node"]), about["compiler"], f"PostgreSQL: {listed(about['postgresql'])}",
        f"{rounds} rounds of {length:g} s in turns, medians; CPU as shares of one core",
    ))  # fmt: skip
