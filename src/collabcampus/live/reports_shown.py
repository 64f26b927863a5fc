"""Reports as people and programs are given them: JSON, CSV, and a plot to look at."""

import csv
import io
from collections.abc import Sequence
from html import escape
from typing import Any

import msgspec

from collabcampus.live.reports import ROWS, Row

WIDTH, LABELS, BAR, GAP, MARGIN = 800, 260, 18, 6, 40
BARS = {"time-in-column": "meanDays", "cycle-time": "cycleDays", "throughput": "done", "contributions": "events"}
"""What a report's plot shows."""
CALLED = {"time-in-column": "name", "cycle-time": "title", "throughput": "week", "contributions": "name"}
LABEL_LENGTH = 36


def plain(rows: Sequence[Row], names: dict[str, str]) -> list[dict[str, Any]]:
    """The rows as plain data, people with their names."""
    found: list[dict[str, Any]] = msgspec.to_builtins(rows)
    return [{**each, "name": names.get(each["userId"], "")} if "userId" in each else each for each in found]


def as_csv(name: str, rows: Sequence[dict[str, Any]]) -> str:
    """A header and a line a row, as RFC 4180 has it; what a spreadsheet would take for a formula is quoted."""
    text = io.StringIO()
    fields = [each.encode_name for each in msgspec.structs.fields(ROWS[name])]
    writer = csv.DictWriter(text, [*fields, *(["name"] if "userId" in fields else [])])
    writer.writeheader()
    writer.writerows({key: _harmless(value) for key, value in each.items()} for each in rows)
    return text.getvalue()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def as_svg(name: str, rows: Sequence[dict[str, Any]]) -> str:
    """A bar a row."""
    values = [float(each[BARS[name]]) for each in rows]
    most = max(values, default=0.0) or 1.0
    height = MARGIN + len(rows) * (BAR + GAP)
    bars = "".join(
        _bar(MARGIN + nth * (BAR + GAP), str(each[CALLED[name]]), value, most)
        for nth, (each, value) in enumerate(zip(rows, values, strict=True))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif"'
        f' font-size="13"><rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="8" y="22" font-weight="bold">{escape(name)}: {BARS[name]}</text>{bars}</svg>\n'
    )


def _bar(top: int, label: str, value: float, most: float) -> str:
    width = (WIDTH - LABELS - 80) * value / most
    shown = label if len(label) <= LABEL_LENGTH else label[: LABEL_LENGTH - 1] + "…"
    return (
        f'<text x="{LABELS - 8}" y="{top + 14}" text-anchor="end">{escape(shown)}</text>'
        f'<rect x="{LABELS}" y="{top}" width="{width:.1f}" height="{BAR}" fill="#1f6feb"/>'
        f'<text x="{LABELS + width + 6:.1f}" y="{top + 14}">{value:.4g}</text>'
    )
