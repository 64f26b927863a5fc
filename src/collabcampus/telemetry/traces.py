"""Traces, by OpenTelemetry: one span a request, one a command, and in it what a command waits for.

Off unless the standard variables name somewhere to send them to (`OTEL_EXPORTER_OTLP_ENDPOINT`, or that of traces);
all else is set by such variables too. A command that comes by HTTP belongs to its request's trace, and that to the
caller's, where it brought a `traceparent`. While they are off nothing of OpenTelemetry is imported.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span, Tracer

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
SERVICE = "collabcampus"
FAILED_FROM = 500
"""Statuses of requests that went wrong for no fault of the client's."""
_logger = structlog.get_logger(__name__)


class _On:
    tracer: "Tracer | None" = None


def wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the variables ask for traces."""
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environ.get(each) for each in ENDPOINTS)


@contextmanager
def tracing(node: str, worker: str) -> Iterator[None]:
    """Send traces meanwhile, if they are wanted; at the end those that wait are sent."""
    if not wanted():
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        _logger.warning("traces_need_the_extra", extra="collabcampus[traces]")
        yield
        return
    with traced_by(BatchSpanProcessor(OTLPSpanExporter()), node, worker):
        yield


@contextmanager
def traced_by(processor: "SpanProcessor", node: str = "", worker: str = "") -> Iterator[None]:
    """Hand spans to this processor meanwhile."""
    provider = _provider(node, worker)
    provider.add_span_processor(processor)
    before, _On.tracer = _On.tracer, provider.get_tracer(SERVICE)
    try:
        yield
    finally:
        _On.tracer = before
        provider.shutdown()


def _provider(node: str, worker: str) -> "TracerProvider":
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    ours = {"service.name": SERVICE, "service.instance.id": f"{node}-{worker}", "host.name": node}
    given = Resource.create({})
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if named:
        del ours["service.name"]
    return TracerProvider(resource=given.merge(Resource(ours)))


@contextmanager
def request(scope: Mapping[str, Any]) -> Iterator["Span | None"]:
    """A span of an HTTP request, the current one meanwhile; None where there are no traces."""
    if _On.tracer is None:
        yield None
        return
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carried = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    parent = TraceContextTextMapPropagator().extract(carried)
    method = {"http.request.method": scope["method"]}
    with _On.tracer.start_as_current_span(
        scope["method"], parent, SpanKind.SERVER, method, record_exception=False
    ) as span:
        yield span


def answered(span: "Span", method: str, route: str, status: int) -> None:
    """A request's span is named by its route, and knows its status."""
    from opentelemetry.trace import StatusCode

    span.update_name(f"{method} {route}")
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    if status >= FAILED_FROM:
        span.set_status(StatusCode.ERROR)


def ids() -> dict[str, str]:
    """The current trace and span, as log lines name them; nothing where there is none."""
    if _On.tracer is None:
        return {}
    from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

    context = get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}


class CommandTrace:
    """A command's span. Each step is a span in it, from the end of the one before until now."""

    __slots__ = ("_context", "_since", "_span", "_tracer")

    def __init__(self, tracer: "Tracer", name: str) -> None:
        from opentelemetry.trace import set_span_in_context

        self._tracer, self._since = tracer, time.time_ns()
        self._span = tracer.start_span(f"command {name}", start_time=self._since)
        self._context = set_span_in_context(self._span)

    def step(self, name: str, **attributes: int | str) -> None:
        """This much was done: `decide`, `append`, `deliver`, or `moved` where it has to be decided again."""
        now = time.time_ns()
        span = self._tracer.start_span(name, self._context, start_time=self._since, attributes=attributes)
        span.end(now)
        self._since = now

    def end(self, code: str | None) -> None:
        """It was answered, or declined with this code."""
        if code:
            self._span.set_attribute("error.type", code)
        self._span.end()


def command(name: str) -> CommandTrace | None:
    """The trace of a command that has just come; None where there are no traces."""
    tracer = _On.tracer
    return None if tracer is None else CommandTrace(tracer, name)
