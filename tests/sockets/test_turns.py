"""A flood is taken up in turns: who asks one thing meanwhile is answered in the middle of it, and nothing is lost."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest

from collabcampus.sockets import turns
from collabcampus.sockets.connection import COMMANDS_WAITING
from collabcampus.sockets.engine import EngineSocket
from collabcampus.sockets.handshake import HandshakeProtocol
from sockets.framed import CLOSE, encoded
from sockets.hall import Hall

pytestmark = pytest.mark.anyio
FLOOD = 900
assert FLOOD < COMMANDS_WAITING
ASK = '421["join",{}]'


@pytest.fixture
async def hall(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hall]:
    monkeypatch.setattr(turns, "ITERATION_S", 0)  # one turn an iteration, however fast the machine
    async with Hall(HandshakeProtocol) as opened:
        yield opened


def counted(hall: Hall, name: str) -> Callable[[], int]:
    """How many packets of a client have been taken up from now on."""
    socket, taken = hall.sockets[name], Counter[EngineSocket]()
    hear = socket.server.on_message

    def heard(by: EngineSocket, message: str | bytes) -> None:
        taken[by] += 1
        hear(by, message)

    socket.server.on_message = heard
    return lambda: taken[socket]


async def begun(taken: Callable[[], int]) -> None:
    while not taken():  # noqa: ASYNC110 - it is about what else the loop does
        await asyncio.sleep(0)


async def test_one_question_does_not_wait_for_a_flood_to_end(hall: Hall) -> None:
    flooding, asking = await hall.join("flooding"), await hall.join("asking")
    taken = counted(hall, "flooding")

    flooding.writer.write(encoded(ASK.encode()) * FLOOD)
    await begun(taken)
    await hall.enter(asking)

    assert taken() < FLOOD
    for _ in range(FLOOD):
        while not (await flooding.packet()).startswith("431"):
            pass
    assert taken() == FLOOD


async def test_a_goodbye_in_a_flood_comes_after_what_was_sent_before_it(hall: Hall) -> None:
    flooding = await hall.join("flooding")
    taken = counted(hall, "flooding")

    flooding.writer.write(encoded(ASK.encode()) * FLOOD + encoded(b"1"))

    while (await flooding.frame())[0] != CLOSE:
        pass
    assert taken() == FLOOD


async def test_a_body_of_thousands_of_packets_is_taken_up_in_turns_too(hall: Hall) -> None:
    asking = await hall.join("asking")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hall.port}") as http:
        path = "/socket.io/?EIO=4&transport=polling"
        path += "&sid=" + json.loads((await http.get(path)).text[1:])["sid"]
        await http.post(path, content="40" + json.dumps({"token": "polling"}))
        await http.get(path)
        taken = counted(hall, "polling")

        posting = asyncio.create_task(http.post(path, content="\x1e".join(["4" + ASK[1:]] * FLOOD)))
        await begun(taken)
        assert taken() < FLOOD
        await hall.enter(asking)

        assert (await posting).text == "ok"
        assert taken() == FLOOD


async def test_a_turn_that_fails_ends_its_own_flood_and_no_other() -> None:
    loop, failed, left = asyncio.get_running_loop(), list[str](), [3]
    circle, over = turns.Turns(), asyncio.Event()

    def failing() -> bool:
        raise ValueError("it fails")

    def going_on() -> bool:
        left[0] -= 1
        if not left[0]:
            over.set()
        return left[0] > 0

    loop.set_exception_handler(lambda _, context: failed.append(str(context["exception"])))
    try:
        for turn in (failing, going_on):
            circle.add(turn)
        async with asyncio.timeout(5):
            await over.wait()
    finally:
        loop.set_exception_handler(None)

    assert failed == ["it fails"]


async def test_what_fails_in_a_later_turn_fails_for_who_waits_for_all_of_it() -> None:
    taken = list[int]()

    def steps() -> Iterator[None]:
        for each in range(FLOOD):
            if each == FLOOD - 1:
                raise ValueError("the last one")
            yield taken.append(each)

    with pytest.raises(ValueError, match="the last one"):
        await turns.Turns().through(steps())
    assert taken == list(range(FLOOD - 1))


async def test_who_waits_no_longer_has_no_more_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "ITERATION_S", 0)
    circle, taken = turns.Turns(), list[int]()
    waiting = asyncio.create_task(circle.through(map(taken.append, range(FLOOD))))
    while not taken:  # noqa: ASYNC110 - until it has begun
        await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    had = len(taken)
    await asyncio.sleep(0.05)

    assert had < FLOOD
    assert len(taken) <= had + turns.IN_A_TURN
