"""Log lines on standard error: JSON for machines or text for people, of our own and of libraries alike.

Every line has the same fields: `event`, `level`, `timestamp`, `logger`, `node` and `worker`, and while a request is
answered `request_id`; with traces `trace_id` and `span_id`.
"""

import logging
import socket
import sys
from functools import partial
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from collabcampus.masking import mask_secrets
from collabcampus.telemetry import traces

JSON, TEXT = "json", "text"
NODE = socket.gethostname()


class _Line(structlog.PrintLogger):
    """Prints whole lines, and knows whose they are."""

    def __init__(self, file: TextIO, name: str = "collabcampus") -> None:
        super().__init__(file)
        self.name = name


def configure(form: str = JSON, *, worker: str = "0") -> None:
    """Write `json` or `text` lines from now on; `worker` is which one of this node's this process is."""

    def whose(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {**event, "node": NODE, "worker": worker, **traces.ids()}

    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        whose,
    ]
    last: list[Processor] = [structlog.processors.format_exc_info, mask_secrets, _renderer(form)]
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=first, processors=[remove, *last]))
    logging.basicConfig(level=logging.WARNING, handlers=[lines], force=True)
    structlog.configure(processors=[*first, *last], logger_factory=partial(_Line, sys.stderr))


def _renderer(form: str) -> Processor:
    if form == TEXT:
        return structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer()
