"""What is too much is refused and says when to come back; who goes on is closed; nobody else is harmed."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from math import ceil
from time import monotonic_ns
from typing import Any

import httpx
import pytest

from collabcampus.app import Application
from collabcampus.live import pace
from collabcampus.live.pace import A_SECOND, LATEST
from collabcampus.settings import Settings
from collabcampus.sockets import limits
from collabcampus.sockets.handshake import HandshakeProtocol
from collabcampus.sockets.limits import OTHERS_AT_ONCE, TOO_MANY_RETRY_AFTER_S, address_of
from collabcampus.sockets.wire import FRAMES_AT_ONCE
from running import PASSWORD
from sockets.framed import CLOSE, PING, Framed, encoded
from sockets.hall import Listening

pytestmark = pytest.mark.anyio
RATE, BURST, MULTIPLE, PER_USER, PER_ADDRESS = 2, 500, 4, 12, 24
WITHIN_S = 5
HANDSHAKE = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip


class Campus:
    """The product on a free port, and people at it."""

    def __init__(self, application: Application, port: int, http: httpx.AsyncClient) -> None:
        self.application, self.port, self.http = application, port, http

    async def person(self, name: str) -> str:
        """The token of somebody new."""
        signed_in = await self.application.identity.register(f"{uuid.uuid4()}@example.org", name, PASSWORD, "a test")
        return signed_in.token

    async def visit(self, token: str) -> Framed:
        """A websocket that has asked to be let in; what comes next is the answer."""
        client = await Framed.open(self.port)
        assert (await client.packet()).startswith("0{")
        client.send("40" + json.dumps({"token": token}))
        return client

    async def enter(self, token: str) -> Framed:
        """A websocket that has been let in and welcomed."""
        client = await self.visit(token)
        assert (await client.packet()).startswith("40{")
        assert (await client.packet()).startswith('42["welcome"')
        return client

    async def poll(self) -> str:
        """The path of a new polling session."""
        opened = await self.http.get(HANDSHAKE)
        return f"{HANDSHAKE}&sid={json.loads(opened.text[1:])['sid']}"

    async def create(self, token: str) -> httpx.Response:
        """A project, by HTTP."""
        return await self.http.post("/api/projects", json={"name": "P"}, headers={"Authorization": f"Bearer {token}"})


Open = Callable[..., Awaitable[Campus]]


@pytest.fixture(params=[HandshakeProtocol, "websockets-sansio"], ids=["wire", "ordinary"])
async def opens(request: pytest.FixtureRequest, module_database_url: str) -> AsyncIterator[Open]:
    """Makes a campus with these settings."""
    async with AsyncExitStack() as stack:

        async def opened(**settings: Any) -> Campus:
            application = Application(Settings(**settings), module_database_url)
            await stack.enter_async_context(application.running())
            listening = await stack.enter_async_context(Listening(application.asgi(), request.param))
            http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{listening.port}", timeout=WITHIN_S)
            return Campus(application, listening.port, await stack.enter_async_context(http))

        yield opened


@pytest.fixture
async def campus(opens: Open, monkeypatch: pytest.MonkeyPatch) -> Campus:
    monkeypatch.setattr(pace, "PERSON_MULTIPLE", MULTIPLE)  # so that few events are many
    return await opens(
        command_rate=RATE, command_burst=BURST, sockets_per_user=PER_USER, sockets_per_address=PER_ADDRESS
    )


class Closed(Exception):
    """The server has said goodbye."""


async def packet(client: Framed) -> str:
    """The next packet that is no ping; Closed."""
    while (frame := await client.frame())[1] == b"2":
        client.send("3")
    if frame[0] == CLOSE:
        raise Closed
    return frame[1].decode()


async def answers(client: Framed, count: int) -> list[dict[str, Any]]:
    """What so many events are answered. They are unknown ones, so that nothing else refuses them as busy."""
    for number in range(count):
        client.send(f'42{number}["no_such_event"]')
    heard: dict[int, dict[str, Any]] = {}
    while len(heard) < count:  # a refusal waits for no answer to those before
        number, _, answer = (await packet(client)).removeprefix("43").partition("[")
        heard[int(number)] = json.loads(f"[{answer}")[0]["error"]
    return [heard[number] for number in range(count)]


def refused(heard: list[dict[str, Any]]) -> int:
    return [each["code"] for each in heard].count("rate_limited")


async def closed(client: Framed) -> bool:
    """Whether the server ends this connection, or says so, in time."""
    try:
        async with asyncio.timeout(WITHIN_S):
            while (await client.frame())[0] != CLOSE:
                pass
    except TimeoutError:
        return False
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    return True


async def test_what_is_beyond_the_burst_is_refused_until_the_time_it_says(campus: Campus) -> None:
    client = await campus.enter(await campus.person("somebody"))
    loop = asyncio.get_running_loop()
    began = loop.time()

    heard = await answers(client, BURST + 40)

    assert refused(heard[:BURST]) == 0
    assert 40 - RATE * (loop.time() - began) - 1 <= refused(heard) <= 40
    later = [each["retryAfter"] for each in heard if each["code"] == "rate_limited"]
    assert 0 < later[0] <= 1 / RATE
    assert later[:5] == sorted(set(later[:5])), "each is told another time"
    assert later[-1] <= LATEST / A_SECOND
    client.send('42["typing",{"commandId":"01890000-0000-7000-8000-000000000000"}]')
    name, told = json.loads((await client.packet())[2:])
    assert (name, told["event"], told["error"]["code"]) == ("command_rejected", "typing", "rate_limited")
    assert told["commandId"] == "01890000-0000-7000-8000-000000000000"
    assert told["error"]["retryAfter"] > 0
    await asyncio.sleep(later[0])
    assert refused(await answers(client, 1)) == 0
    client.leave()


async def test_tabs_and_requests_of_one_person_do_not_multiply_the_limit(campus: Campus) -> None:
    flooder, other = await campus.person("flooder"), await campus.person("other")
    tabs = [await campus.enter(flooder) for _ in range(MULTIPLE + 1)]
    witness = await campus.enter(other)

    heard = await asyncio.gather(*(answers(tab, BURST) for tab in tabs))

    assert BURST / 2 < sum(refused(each) for each in heard) <= BURST
    assert refused(await answers(witness, 10)) == 0
    created = await asyncio.gather(*(campus.create(flooder) for _ in range(20)))
    limited = [each for each in created if each.status_code == 429]
    assert limited
    told = [error["retryAfter"] for each in heard for error in each if error["code"] == "rate_limited"]
    told += [each.json()["retryAfter"] for each in limited]
    assert max(told) <= LATEST / A_SECOND
    for each in limited:
        assert each.json()["code"] == "rate_limited"
        assert each.json()["retryAfter"] > 0
        assert each.headers["retry-after"] == str(ceil(each.json()["retryAfter"]))
        assert each.headers["content-type"].startswith("application/problem+json")
    read = await campus.http.get("/api/projects", headers={"Authorization": f"Bearer {flooder}"})
    assert read.status_code == 200
    assert (await campus.create(other)).status_code == 201
    for later in (1, 2):  # however long it was that they stayed
        campus.application.gateway.budgets.of("nobody", monotonic_ns() + later * 10**6 * A_SECOND)
    for tab in tabs:
        tab.leave()
    await eventually(lambda: len(campus.application.gateway._by_person) == 1)
    again = await campus.enter(flooder)
    assert refused(await answers(again, 50)) > 0, "who comes back finds what was left"
    again.leave()
    witness.leave()


async def test_who_floods_on_is_closed_and_the_others_are_served(campus: Campus) -> None:
    flood, witness = [await campus.enter(await campus.person(name)) for name in ("flood", "witness")]

    async def flooding() -> None:
        try:
            for _ in range(200):
                flood.writer.write(encoded(b'42["typing",{}]') * 200)
                await flood.writer.drain()
        except ConnectionError:
            pass

    going = asyncio.create_task(flooding())
    assert refused(await answers(witness, 100)) == 0
    assert await closed(flood)
    await going
    assert refused(await answers(witness, 100)) == 0
    flood.leave()
    witness.leave()


async def test_who_hears_refusals_and_goes_on_is_closed_after_so_many(
    campus: Campus, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, each = 1_000, 250
    monkeypatch.setattr(pace, "REFUSALS_A_SECOND", 1)
    monkeypatch.setattr(pace, "REFUSALS_AT_ONCE", at_once)
    monkeypatch.setattr(pace, "LATEST", 600 * A_SECOND)  # however slow the machine, it comes before its time
    client, heard = await campus.enter(await campus.person("somebody")), 0
    ended = False

    try:
        while heard < 4 * at_once:
            heard += refused(await answers(client, each))
    except (asyncio.IncompleteReadError, ConnectionError, Closed):
        ended = True

    assert ended
    assert at_once - each <= heard < 4 * at_once
    client.leave()


async def test_no_rate_is_no_limit(opens: Open) -> None:
    campus = await opens(command_rate=0)
    client = await campus.enter(await campus.person("busy"))

    for _ in range(5):
        assert refused(await answers(client, 500)) == 0
    client.leave()


async def test_packets_that_are_no_events_are_bounded_too(campus: Campus) -> None:
    token = await campus.person("somebody")
    for packet in ("3", "40/nowhere,", '431["x"]'):
        patient, flood, path = await campus.enter(token), await campus.enter(token), await campus.poll()
        for client, count in ((patient, OTHERS_AT_ONCE - 100), (flood, 2 * OTHERS_AT_ONCE)):
            client.writer.write(encoded(packet.encode()) * count)
        await campus.http.post(path, content="40" + json.dumps({"token": token}))
        await campus.http.post(path, content="\x1e".join([packet] * 2 * OTHERS_AT_ONCE))

        assert await closed(flood), packet
        assert 400 in [(await campus.http.get(path)).status_code for _ in range(3)], packet
        patient.send('427["no_such_event"]')
        while not (await patient.packet()).startswith("437["):
            pass
        patient.leave()
        flood.leave()


async def test_frames_that_bring_no_text_are_bounded(campus: Campus, request: pytest.FixtureRequest) -> None:
    if "ordinary" in request.node.name:
        pytest.skip("they are read by the other server")
    client = await campus.enter(await campus.person("somebody"))

    client.writer.write(encoded(b"", PING) * (FRAMES_AT_ONCE * 3))

    assert await closed(client)


async def test_a_person_has_so_many_sockets_and_a_place_again_when_one_goes(campus: Campus) -> None:
    token, other = await campus.person("somebody"), await campus.person("other")
    clients = [await campus.enter(token) for _ in range(PER_USER)]

    late = await campus.visit(token)
    answer = await late.packet()
    assert answer.startswith("44{")
    assert json.loads(answer[2:])["data"]["code"] == "rate_limited"
    assert json.loads(answer[2:])["data"]["retryAfter"] > 0
    assert await closed(late)
    path = await campus.poll()
    await campus.http.post(path, content="40" + json.dumps({"token": token}))
    assert '"rate_limited"' in (await campus.http.get(path)).text
    await asyncio.sleep(0.6)
    assert (await campus.http.get(path)).status_code == 400

    (await campus.enter(other)).leave()
    clients.pop().leave()
    await eventually(lambda: sum(map(len, campus.application.gateway._by_person.values())) == PER_USER - 1)
    clients.append(await campus.enter(token))
    for each in clients:
        each.leave()


async def test_an_address_has_so_many_sessions_whoever_they_are_and_none_is_counted_for_good(campus: Campus) -> None:
    engine, gateway = campus.application.gateway.server.eio, campus.application.gateway
    token, other = await campus.person("somebody"), await campus.person("other")
    some = PER_ADDRESS // 3
    paths = [await campus.poll() for _ in range(some)]
    for each in paths:
        await campus.http.post(each, content="40" + json.dumps({"token": other}))
    clients = [await campus.enter(token) for _ in range(some)]
    clients += [await Framed.open(campus.port) for _ in range(some)]  # the last: they say nothing and live briefly

    for headers in ({}, WEBSOCKET):
        path = HANDSHAKE.replace("polling", "websocket") if headers else HANDSHAKE
        late = await campus.http.get(path, headers=headers)
        assert (late.status_code, late.headers["retry-after"]) == (429, str(TOO_MANY_RETRY_AFTER_S))
        assert (late.json()["code"], late.json()["retryAfter"]) == ("rate_limited", TOO_MANY_RETRY_AFTER_S)
    assert engine.addresses["127.0.0.1"] == PER_ADDRESS
    assert (await campus.http.get("/health/live")).status_code == 200

    for each in clients:
        each.leave()
    for path in paths:
        await campus.http.post(path, content="1")
    await eventually(lambda: not (len(engine.addresses) or gateway._by_person or engine.sockets))
    (await campus.enter(token)).leave()


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - nothing tells when it is so
            await asyncio.sleep(0.01)


async def test_a_socket_is_in_so_many_rooms(campus: Campus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROOMS_PER_SOCKET", 2)
    token = await campus.person("somebody")
    projects = [(await campus.create(token)).json()["projectId"] for _ in range(3)]
    client = await campus.enter(token)

    async def ask(event: str, project_id: str) -> dict[str, Any]:
        client.send("421" + json.dumps([event, {"projectId": project_id}]))
        while not (payload := (await client.frame())[1]).startswith(b"431"):
            pass
        return dict(json.loads(payload[3:])[0])

    assert [(await ask("join_project", each))["ok"] for each in (*projects[:2], projects[0])] == [True] * 3
    error = (await ask("join_project", projects[2]))["error"]
    assert (error["code"], error["limit"], error["most"]) == ("limit_reached", "rooms per socket", 2)
    await ask("leave_project", projects[0])
    assert (await ask("join_project", projects[2]))["ok"]
    client.leave()


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("unknown", "unknown"),
    ],
)
async def test_an_address_is_counted_with_all_that_go_with_it(host: str, counted: str) -> None:
    assert address_of({"asgi.scope": {"client": (host, 7)}}) == counted
    assert address_of({"asgi.scope": {"client": None}}) == ""
