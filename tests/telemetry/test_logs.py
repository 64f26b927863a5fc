"""Every line has the same fields, whoever writes it and in whichever form."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr

import pytest
import structlog

from collabcampus.telemetry.logs import NODE, configure

FIELDS = {"event", "level", "timestamp", "logger", "node", "worker", "request_id"}


@pytest.fixture
def written() -> Iterator[Callable[[str], list[str]]]:
    """Writes a line of our own and one of a library, and gives both; put back afterwards."""
    handlers, logging.root.handlers = logging.root.handlers, []

    def write(form: str) -> list[str]:
        lines = io.StringIO()
        with redirect_stderr(lines), structlog.contextvars.bound_contextvars(request_id="abc"):
            configure(form, worker="3")
            structlog.get_logger("ours").warning("it_happened", count=2)
            logging.getLogger("theirs").warning("it happened %d times", 2)
        return lines.getvalue().splitlines()

    yield write
    structlog.reset_defaults()
    logging.root.handlers = handlers


def test_json_lines_have_the_same_fields_of_ours_and_of_libraries(written: Callable[[str], list[str]]) -> None:
    ours, theirs = map(json.loads, written("json"))

    assert ours.keys() - {"count"} == theirs.keys() == FIELDS
    assert (ours["logger"], ours["event"], ours["count"]) == ("ours", "it_happened", 2)
    assert (theirs["logger"], theirs["event"]) == ("theirs", "it happened 2 times")
    for line in (ours, theirs):
        assert (line["node"], line["worker"], line["request_id"], line["level"]) == (NODE, "3", "abc", "warning")


def test_text_lines_say_the_same_for_people(written: Callable[[str], list[str]]) -> None:
    ours, theirs = written("text")

    assert "it_happened" in ours
    assert "it happened 2 times" in theirs
    for line in (ours, theirs):
        assert "\x1b" not in line
        assert all(each in line for each in ("warning", "worker=3", f"node={NODE}", "request_id=abc"))
