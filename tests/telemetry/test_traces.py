"""A span for each request and each command, in the caller's trace, and none unless they are wanted."""

import asyncio
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from answering import asking
from collabcampus.app import Application
from collabcampus.domain import commands as c
from collabcampus.domain.errors import Forbidden, Refused
from collabcampus.domain.project import Actor
from collabcampus.http.observed import observed
from collabcampus.telemetry import traces
from live.asking import a_garden, registered

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Kept(InMemorySpanExporter):
    """Spans that have ended."""

    def named(self, name: str) -> ReadableSpan:
        """The one of this name that ended last."""
        return [each for each in self.get_finished_spans() if each.name == name][-1]

    def inside(self, span: ReadableSpan) -> list[str]:
        """The names of the spans in this one, in the order they began."""
        assert span.context
        within = [
            each for each in self.get_finished_spans() if each.parent and each.parent.span_id == span.context.span_id
        ]
        return [each.name for each in sorted(within, key=lambda each: each.start_time or 0)]


@pytest.fixture
def kept() -> Iterator[Kept]:
    exporter = Kept()
    with traces.traced_by(SimpleSpanProcessor(exporter), "node", "0"):
        yield exporter


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_standard_variables_say_whether_there_are_traces(environ: dict[str, str], wanted: bool) -> None:
    assert traces.wanted(environ) is wanted


async def test_a_command_is_decided_appended_and_delivered_in_its_span(application: Application, kept: Kept) -> None:
    (alice,) = await registered(application, "Alice")
    await a_garden(application, alice)

    await asyncio.sleep(0)
    made = kept.named("command CreateProject")

    assert kept.inside(made) == ["decide", "append", "deliver"]
    assert kept.named("append").attributes == {"outcome": "appended"}


async def test_a_declined_command_says_its_code(application: Application, kept: Kept) -> None:
    alice, bob = await registered(application, "Alice", "Bob")
    garden = await a_garden(application, alice)
    await application.projects.submit(c.AddMember("viewer", bob.user_id), alice, garden.project_id)

    with pytest.raises(Refused) as refused:
        await application.projects.submit(c.EditProject(name="Mine"), Actor(bob.user_id), garden.project_id)

    assert isinstance(refused.value, Forbidden)
    assert (kept.named("command EditProject").attributes or {})["error.type"] == refused.value.code


async def test_a_request_belongs_to_the_trace_of_who_called(application: Application, kept: Kept) -> None:
    async with asking(observed(application.http())) as client:
        person = {"email": "carol@example.org", "name": "Carol", "password": "a long enough password"}
        token = (await client.post("/register", json=person)).json()["token"]
        headers = {"Authorization": f"Bearer {token}", "traceparent": CALLER}
        await client.post("/api/projects", json={"name": "Garden"}, headers=headers)

    request, command = kept.named("POST /api/projects"), kept.named("command CreateProject")
    assert request.context
    assert request.parent
    assert command.parent
    assert f"{request.context.trace_id:032x}" == CALLER.split("-")[1]
    assert f"{request.parent.span_id:016x}" == CALLER.split("-")[2]
    assert command.parent.span_id == request.context.span_id
    assert (request.attributes or {})["http.response.status_code"] == 201


async def test_without_them_a_command_has_no_span(application: Application) -> None:
    assert traces.command("CreateProject") is None
    with traces.request({"headers": [], "method": "GET"}) as span:
        assert span is None
    assert traces.ids() == {}
