"""Anything thrown at the sockets is answered or closes its connection. `scripts/fuzz` throws more, at the product."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collabcampus.sockets.attachments import Announced, values
from collabcampus.sockets.handshake import HandshakeProtocol
from collabcampus.sockets.packets import Asked, Incoming, Malformed, read
from sockets import garbage
from sockets.echo import Echoing
from sockets.thrower import NOT_UTF8, Tally, Thrower

BATCHES, PATIENT_S, GONE_WITHIN_S = 60, 20, 5


@pytest.fixture(scope="module", params=[HandshakeProtocol, "websockets-sansio"], ids=["wire", "ordinary"])
async def echo(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncIterator[Echoing]:
    times = dict.fromkeys(("ping_interval", "ping_timeout", "connect_within"), PATIENT_S)
    async with Echoing(request.param, **times) as echoing:
        yield echoing


@pytest.mark.anyio
async def test_whatever_is_thrown_is_answered_or_closes_and_nothing_is_left(
    echo: Echoing, caplog: pytest.LogCaptureFixture
) -> None:
    loop, tally, failed = asyncio.get_running_loop(), Tally(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, context: failed.append(context))
    thrower, before = Thrower(echo.port, {}, tally), asyncio.all_tasks()

    @settings(max_examples=BATCHES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(garbage.thrown(), min_size=5, max_size=40), st.integers(0, 9))
    def throw(batch: Sequence[garbage.Thrown], way: int) -> None:
        throwing = thrower.throw(batch) if way else thrower.poll(batch)
        asyncio.run_coroutine_threadsafe(throwing, loop).result()
        assert tally.findings == []

    await asyncio.to_thread(throw)
    await thrower.leave()

    async with asyncio.timeout(GONE_WITHIN_S):
        while echo.left_behind or asyncio.all_tasks() - before:  # noqa: ASYNC110 - nothing tells when it is so
            await asyncio.sleep(0.01)
    assert tally.handled > tally.packets / 10
    assert failed == []
    assert [each for each in caplog.records if each.exc_info and each.msg != NOT_UTF8] == []


@given(st.one_of(garbage.thrown(), st.text(), st.binary()))
@settings(max_examples=2_000, deadline=None)
def test_the_parser_reads_a_packet_or_says_that_it_is_none(packet: garbage.Thrown) -> None:
    texts = [packet, packet[1:]] if isinstance(packet, str) else [bytes(packet)]
    for text in texts:
        try:
            found = read(text)
        except Malformed:
            continue
        assert isinstance(found, Asked | Incoming)
        if isinstance(found, Asked):
            values(found)


@given(
    st.sampled_from(["5", "6"]), st.integers(0, 12), st.text('0123456789-/,[]{}"x', max_size=12), st.integers(0, 3)
)
@settings(max_examples=1_000, deadline=None)
def test_an_announcement_is_read_or_is_none(kind: str, count: int, rest: str, placeholders: int) -> None:
    numbered = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(placeholders))
    for text in (f"{kind}{count}-{rest}", f'{kind}{count}-7["x",{numbered}]', f'{kind}{count}-["x",[{numbered}]]'):
        try:
            announced = Announced(text, most=2)
        except Malformed:
            continue
        while not announced.complete:
            announced.add(b"x")
        found = announced.packet()
        assert values(found) if isinstance(found, Asked) and placeholders else found
