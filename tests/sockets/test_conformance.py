"""Engine.IO 4 and Socket.IO 5 as their public specifications have them, held by a little echo server on our layer."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from collabcampus.sockets.attachments import MOST
from collabcampus.sockets.handshake import HandshakeProtocol
from collabcampus.sockets.plain import EVENTS_WAITING
from sockets.echo import CONNECT_S, INTERVAL_S, SECRET, TIMEOUT_S, Echoing
from sockets.framed import CLOSE, TEXT, Framed, encoded
from sockets.hall import LIMIT

pytestmark = pytest.mark.anyio
CLOSED_WITHIN_S = 0.1
LATE_S = 0.15
BINARY = 0x2
POLL, WEBSOCKET = "EIO=4&transport=polling", "EIO=4&transport=websocket"
HANDSHAKE = {
    "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip


@pytest.fixture(scope="module", params=[HandshakeProtocol, "websockets-sansio"], ids=["wire", "ordinary"])
async def echoing(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncIterator[Echoing]:
    async with Echoing(request.param) as echoing:
        yield echoing


@pytest.fixture
async def echo(echoing: Echoing, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Echoing]:
    """The server; whatever a test does to it, it logs no error and keeps nothing."""
    yield echoing
    echoing.send_away()
    async with asyncio.timeout(INTERVAL_S + TIMEOUT_S + 4 * LATE_S):
        while echoing.left_behind:  # noqa: ASYNC110 - a session by polling ends by its ping timeout
            await asyncio.sleep(0.01)
    assert [
        each for each in caplog.get_records("call") if each.exc_info and SECRET not in str(each.exc_info[1])
    ] == []


@pytest.fixture
async def http(echo: Echoing) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{echo.port}/socket.io/", timeout=5) as client:
        yield client


async def session(http: httpx.AsyncClient) -> str:
    """The query of a new polling session."""
    opening = await http.get(f"?{POLL}")
    return f"?{POLL}&sid={json.loads(opening.text[1:])['sid']}"


def sid_of(query: str) -> str:
    return query.partition("sid=")[2]


async def opened(echo: Echoing) -> Framed:
    """A websocket with a session, and no namespace yet."""
    client = await echo.visit()
    assert (await client.packet()).startswith("0{")
    return client


async def connected(echo: Echoing, namespace: str = "") -> Framed:
    """A websocket in a namespace, greeted."""
    client = await opened(echo)
    await connect(client, namespace)
    return client


async def connect(client: Framed, namespace: str = "") -> None:
    where = f"{namespace}," if namespace else ""
    client.send(f"40{where}")
    assert (await client.packet()).startswith(f'40{where}{{"sid":')
    assert await client.packet() == f'42{where}["auth",{{}}]'


async def closed_within(client: Framed, seconds: float) -> bool:
    """Whether the server closes in time, although its pings are answered."""
    try:
        async with asyncio.timeout(seconds):
            while (frame := await client.frame())[0] != CLOSE:
                if frame == (TEXT, b"2"):
                    client.send("3")
    except TimeoutError:
        return False
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    return True


# Engine.IO: the handshake


async def test_a_handshake_by_polling_says_everything_a_client_must_know(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"?{POLL}")

    assert answer.status_code == 200
    assert answer.text[0] == "0"
    opening = json.loads(answer.text[1:])
    assert isinstance(opening.pop("sid"), str)
    assert opening == {"upgrades": ["websocket"], "pingInterval": 300, "pingTimeout": 200, "maxPayload": LIMIT}


async def test_a_handshake_by_websocket_offers_no_upgrade(echo: Echoing) -> None:
    client = await echo.visit()

    opening = json.loads((await client.packet())[1:])
    assert (opening["upgrades"], opening["pingInterval"], opening["pingTimeout"]) == ([], 300, 200)


@pytest.mark.parametrize(
    "query",
    ["", "transport=polling", "EIO=4", "EIO=3&transport=polling", "EIO=abc&transport=polling", "EIO=4&transport=abc",
     "EIO=4&transport=", "EIO=4&transport=websocket", "EIO=4&transport=polling&sid=unknown"],
)  # fmt: skip
async def test_a_request_with_a_parameter_missing_or_wrong_is_a_bad_one(http: httpx.AsyncClient, query: str) -> None:
    assert (await http.get(f"?{query}")).status_code == 400


@pytest.mark.parametrize(
    "query",
    ["", "EIO=4", "transport=websocket", "EIO=abc&transport=websocket", "EIO=4&transport=abc",
     "EIO=4&transport=websocket&sid=unknown"],
)  # fmt: skip
async def test_a_websocket_with_a_parameter_missing_or_wrong_is_refused(http: httpx.AsyncClient, query: str) -> None:
    assert (await http.get(f"?{query}", headers=HANDSHAKE)).status_code in {400, 403}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_session_begins_with_a_get_and_nothing_else(http: httpx.AsyncClient, method: str) -> None:
    assert (await http.request(method, f"?{POLL}")).status_code == 400


# Engine.IO: packets by polling


async def test_a_post_is_answered_ok_and_carries_any_number_of_packets(http: httpx.AsyncClient) -> None:
    path = await session(http)

    one = await http.post(path, content="40")
    assert (one.status_code, one.text) == (200, "ok")
    assert (await http.get(path)).text.partition("\x1e")[0].startswith("40{")
    many = "\x1e".join(f'42{number}["x",{number}]' for number in range(40))
    assert (await http.post(path, content=many)).text == "ok"

    heard = ""
    while heard.count("43") < 40:
        heard += (await http.get(path)).text + "\x1e"
    packets = [each for each in heard.split("\x1e") if each.startswith("43")]
    assert packets == [f"43{number}[{number}]" for number in range(40)]


@pytest.mark.parametrize("body", ["", "abc", "9", "40\x1eabc", "0{}", "b!!!", "4" * (LIMIT + 1), b"\xff\xfe"])
async def test_an_invalid_body_is_a_bad_request_and_closes_the_session(
    http: httpx.AsyncClient, body: str | bytes
) -> None:
    path = await session(http)

    assert (await http.post(path, content=body)).status_code == 400
    assert (await http.get(path)).status_code == 400
    assert (await http.post(path, content="3")).status_code == 400


async def test_a_body_cut_short_is_none(echo: Echoing, http: httpx.AsyncClient) -> None:
    path = await session(http)
    _, writer = await asyncio.open_connection("127.0.0.1", echo.port)
    writer.write(f"POST /socket.io/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n40".encode())
    await asyncio.sleep(0.05)
    writer.close()
    await asyncio.sleep(0.05)

    assert (await http.get(path)).status_code == 400


async def test_who_leaves_before_the_request_is_read_is_no_error(echo: Echoing) -> None:
    for _ in range(5):
        _, writer = await asyncio.open_connection("127.0.0.1", echo.port)
        writer.write(f"POST /socket.io/?{POLL} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".encode())
        await asyncio.sleep(0.01)
        writer.transport.abort()
    await asyncio.sleep(0.05)


async def test_a_second_poll_beside_one_that_waits_closes_the_session(http: httpx.AsyncClient) -> None:
    path = await session(http)
    waiting = asyncio.create_task(http.get(path))
    await asyncio.sleep(0.02)

    assert (await http.get(path)).status_code == 400
    first = await waiting
    assert (first.status_code, first.text) == (200, "1")
    assert (await http.get(path)).status_code == 400


async def test_a_goodbye_by_polling_releases_the_poll_that_waits(http: httpx.AsyncClient) -> None:
    path = await session(http)
    waiting = asyncio.create_task(http.get(path))
    await asyncio.sleep(0.02)

    said = await http.post(path, content="1")

    assert (said.status_code, said.text) == (200, "ok")
    released = await asyncio.wait_for(waiting, CLOSED_WITHIN_S)
    assert (released.status_code, released.text) == (200, "6")
    assert (await http.get(path)).status_code == 400


async def test_a_goodbye_by_websocket_closes_it(echo: Echoing) -> None:
    client = await opened(echo)
    client.send("1")

    assert await closed_within(client, CLOSED_WITHIN_S)


# Engine.IO: heartbeats


async def test_pings_come_by_polling_and_who_does_not_answer_is_gone(http: httpx.AsyncClient) -> None:
    path = await session(http)
    await http.post(path, content="40")
    await http.get(path)

    for _ in range(3):
        while (answer := (await http.get(path)).text) != "2":
            assert answer.startswith("42")
        assert (await http.post(path, content="3")).text == "ok"
    await asyncio.sleep(INTERVAL_S + TIMEOUT_S + LATE_S)

    assert (await http.get(path)).status_code == 400


async def test_pings_come_by_websocket_on_time_and_who_does_not_answer_is_closed(echo: Echoing) -> None:
    client = await connected(echo)
    clock = asyncio.get_running_loop().time

    for _ in range(3):
        began = clock()
        assert await client.frame() == (TEXT, b"2")
        assert clock() - began < INTERVAL_S + LATE_S
        client.send("3")
    assert await client.frame() == (TEXT, b"2")
    assert (await asyncio.wait_for(client.frame(), TIMEOUT_S + LATE_S))[0] == CLOSE


# Engine.IO: upgrade


async def upgraded(echo: Echoing, path: str) -> Framed:
    client = await echo.visit(sid_of(path))
    client.send("2probe")
    assert await client.packet() == "3probe"
    client.send("5")
    return client


async def test_a_session_moves_to_a_websocket_by_a_probe_and_no_stray_packet_comes(
    echo: Echoing, http: httpx.AsyncClient
) -> None:
    path = await session(http)
    await http.post(path, content="40")
    await http.get(path)
    while (await http.get(path)).text != "2":
        pass
    await http.post(path, content="3")
    waiting = asyncio.create_task(http.get(path))
    await asyncio.sleep(0.02)

    client = await upgraded(echo, path)

    assert (await waiting).text == "6", "the poll that waits is released"
    client.send('42["message","moved"]')
    assert await client.packet() == '42["message-back","moved"]'


async def test_a_probe_and_the_upgrade_may_come_at_once(echo: Echoing, http: httpx.AsyncClient) -> None:
    path = await session(http)
    client = await echo.visit(sid_of(path))
    client.send("2probe")
    client.send("5")

    assert await client.packet() == "3probe"
    await connect(client)


async def test_after_the_upgrade_requests_and_a_second_websocket_are_refused(
    echo: Echoing, http: httpx.AsyncClient
) -> None:
    path = await session(http)
    client = await upgraded(echo, path)
    await connect(client)

    assert (await http.get(path)).status_code == 400
    assert (await http.post(path, content="3")).status_code == 400
    second = path.replace("polling", "websocket")
    assert (await http.get(second, headers=HANDSHAKE)).status_code in {400, 403}
    client.send('42["message","still here"]')
    assert await client.packet() == '42["message-back","still here"]'


@pytest.mark.parametrize("packet", ["2", "5", "4x", "3probe"])
async def test_a_wrong_probe_closes_its_websocket_and_the_session_goes_on(
    echo: Echoing, http: httpx.AsyncClient, packet: str
) -> None:
    path = await session(http)
    client = await echo.visit(sid_of(path))
    client.send(packet)

    assert await closed_within(client, CLOSED_WITHIN_S)
    assert (await http.post(path, content="40")).text == "ok"
    assert (await http.get(path)).text.startswith("40{")


# Socket.IO: namespaces


@pytest.mark.parametrize(("namespace", "where"), [("", ""), ("/", "/,"), ("/custom", "/custom,")])
@pytest.mark.parametrize("auth", [{}, {"token": "123"}])
async def test_a_namespace_is_connected_to_with_auth(
    echo: Echoing, namespace: str, where: str, auth: dict[str, str]
) -> None:
    client = await opened(echo)
    client.send(f"40{where}{json.dumps(auth) if auth else ''}")

    answered = "" if namespace in {"", "/"} else where
    greeting = await client.packet()
    assert greeting.startswith(f"40{answered}")
    assert list(json.loads(greeting.removeprefix(f"40{answered}"))) == ["sid"]
    assert await client.packet() == f"42{answered}" + json.dumps(["auth", auth], separators=(",", ":"))


async def test_a_query_behind_a_namespace_is_no_part_of_it(echo: Echoing) -> None:
    client = await opened(echo)
    client.send("40/custom?token=abc,{}")

    assert (await client.packet()).startswith('40/custom,{"sid":')


@pytest.mark.parametrize("packet", ["40/random", "40/random,", '40/random,{"token":"x"}'])
async def test_an_unknown_namespace_is_refused_and_the_connection_goes_on(echo: Echoing, packet: str) -> None:
    client = await opened(echo)
    client.send(packet)

    assert await client.packet() == '44/random,{"message":"Invalid namespace"}'
    await connect(client)


async def test_who_connects_to_nothing_in_time_is_closed(echo: Echoing) -> None:
    silent, refused, custom = await opened(echo), await opened(echo), await connected(echo, "/custom")
    refused.send("40/random")

    closing = (closed_within(silent, CONNECT_S + LATE_S), closed_within(refused, CONNECT_S + LATE_S))
    assert await asyncio.gather(*closing, closed_within(custom, CONNECT_S + LATE_S)) == [True, True, False]


async def test_leaving_one_namespace_leaves_the_other(echo: Echoing) -> None:
    client = await connected(echo)
    await connect(client, "/custom")

    client.send("41/custom,")
    client.send('42["message","to main"]')
    assert await client.packet() == '42["message-back","to main"]'
    await connect(client, "/custom")
    client.send("41")
    client.send('42/custom,["message","to custom"]')
    assert await client.packet() == '42/custom,["message-back","to custom"]'
    client.send('42["message","nobody is there"]')
    assert await closed_within(client, CLOSED_WITHIN_S)


async def test_who_left_everything_is_closed_unless_it_connects_again(echo: Echoing) -> None:
    gone, back = await connected(echo, "/custom"), await connected(echo)
    gone.send("41/custom,")
    back.send("41")
    await connect(back)

    assert await asyncio.gather(*(closed_within(each, CONNECT_S + LATE_S) for each in (gone, back))) == [True, False]


# Socket.IO: events


@pytest.mark.parametrize("where", ["", "/custom,"])
async def test_an_event_is_echoed(echo: Echoing, where: str) -> None:
    client = await connected(echo, where.rstrip(","))
    client.send(f'42{where}["message",1,"2",{{"3":[true]}}]')

    assert await client.packet() == f'42{where}["message-back",1,"2",{{"3":[true]}}]'


@pytest.mark.parametrize("where", ["", "/custom,"])
async def test_an_event_is_acknowledged(echo: Echoing, where: str) -> None:
    client = await connected(echo, where.rstrip(","))
    client.send(f'42{where}456["message-with-ack",1,"2",{{"3":[false]}}]')
    client.send(f'42{where}0["nothing"]')

    assert await client.packet() == f'43{where}456[1,"2",{{"3":[false]}}]'
    assert await client.packet() == f"43{where}0[]"


@pytest.mark.parametrize("where", ["", "/custom,"])
@pytest.mark.parametrize(
    ("sent", "answered"),
    [("52-{}[{},{}]", "52-{}[{},{}]"), ("52-{}789[{},{}]", "62-{}789[{},{}]")],
    ids=["event", "acknowledged"],
)
async def test_bytes_in_an_event_come_back_in_their_places(
    echo: Echoing, where: str, sent: str, answered: str
) -> None:
    client = await connected(echo, where.rstrip(","))
    event, back = ('"message"', '"message-back"') if "789" not in sent else ('"message-with-ack"', "")
    first, second = (f'{{"_placeholder":true,"num":{number}}}' for number in (0, 1))

    client.send("4" + sent.format(where, event, f'{{"deep":[{first}]}},{second}'))
    for attachment in (b"\x01\x02\x03", b"\xff" * 300):
        client.writer.write(encoded(attachment, BINARY))
    expected = "4" + answered.format(where, back, f'{{"deep":[{first}]}},{second}').replace("[,", "[")

    assert await client.packet() == expected
    frame = await client.frame()
    assert frame == (BINARY, b"\x01\x02\x03")
    assert await client.frame() == (BINARY, b"\xff" * 300)


async def test_bytes_come_back_by_polling_too(http: httpx.AsyncClient) -> None:
    path = await session(http)
    await http.post(path, content="40")
    await http.get(path)

    body = '451-7["x",{"_placeholder":true,"num":0}]\x1ebAQID'
    assert (await http.post(path, content=body)).text == "ok"
    heard = ""
    while "bAQID" not in heard:
        heard += (await http.get(path)).text
    assert '461-7[{"_placeholder":true,"num":0}]\x1ebAQID' in heard


async def test_a_ping_may_come_between_attachments(echo: Echoing) -> None:
    client = await connected(echo)
    client.send('451-1["x",{"_placeholder":true,"num":0}]')
    assert await client.frame() == (TEXT, b"2")
    client.send("3")
    client.writer.write(encoded(b"late", BINARY))

    assert await client.packet() == '461-1[{"_placeholder":true,"num":0}]'
    assert await client.frame() == (BINARY, b"late")


async def test_an_event_that_fails_is_answered_and_says_nothing_of_the_inside(echo: Echoing) -> None:
    client = await connected(echo)
    client.send('423["fail"]')
    client.send('424["x"]')

    failed = await client.packet()
    assert failed == '433[{"ok":false,"error":{"code":"internal_error","message":"It failed."}}]'
    assert await client.packet() == "434[]"


async def test_a_connecting_that_fails_is_answered_and_leaves_nothing(echo: Echoing) -> None:
    client = await opened(echo)
    client.send('40{"fail":1}')

    assert await client.packet() == '44{"message":"It failed.","data":{"code":"internal_error"}}'
    await connect(client)


async def test_attachments_are_bounded(echo: Echoing) -> None:
    most, more = await connected(echo), await connected(echo)
    for client, count in ((most, MOST), (more, MOST + 1)):
        placeholders = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(count))
        client.send(f'45{count}-1["x",[{placeholders}]]')
        for _ in range(count):
            client.writer.write(encoded(b"x", BINARY))

    assert (await most.packet()).startswith(f"46{MOST}-1[")
    assert await closed_within(more, CLOSED_WITHIN_S)


async def test_events_that_wait_are_bounded(echo: Echoing) -> None:
    patient, flood = await connected(echo), await connected(echo)
    fits = EVENTS_WAITING - 1  # the first may not have been taken up yet
    for client, count in ((patient, fits), (flood, EVENTS_WAITING + 2)):
        client.send('42["wait"]')
        for _ in range(count):
            client.send('421["x"]')

    assert await closed_within(flood, 10 * CLOSED_WITHIN_S)  # after a thousand packets, on a busy machine
    assert [await patient.packet() for _ in range(fits)] == ["431[]"] * fits


async def test_events_of_one_client_are_heard_in_order(echo: Echoing) -> None:
    client = await connected(echo)
    for number in range(500):
        client.send(f'42{number}["x"]')

    assert [await client.packet() for _ in range(500)] == [f"43{number}[]" for number in range(500)]


MALFORMED: list[Any] = [
    "", "abc", "0{}", "5", "6", "7", "2probe", "4", "4abc", "47", "42", "42{}", "42[", "42[]", "42[1]", "42[null]",
    '42"message"', '42abc["message"]', '42-1["message"]', '42/custom["x"', '42/custom,["x"]', '42/random,["x"]',
    '42["connect",{}]', '42["connect_error"]', '42["disconnect","forged"]', '42["disconnecting"]',
    '42["newListener"]', '42["removeListener"]', '42["x",NaN]', '42["x",' + "[" * 3_000 + "]" * 3_000 + "]",
    "421111111111111111[]", '40{"a":1}', "40[]", '40"x"', "40", "41[1]", "41/random", "43", "43[]", "431{}", "44{}",
    "45", '45["x"]', '45-["x"]', '45a-["x"]', '4511-["x"]', '459999999999-["x"]', '451-["x"]', '451-[1]', "451-{}",
    '451-["x",{"_placeholder":true}]', '451-["x",{"_placeholder":true,"num":"0"}]',
    '451-["x",{"_placeholder":true,"num":1}]', '451-["x",{"_placeholder":true,"num":-1}]',
    '451-["x",{"_placeholder":true,"num":true}]', '451-["connect",{"_placeholder":true,"num":0}]',
    '452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]',
    '451-/random,["x",{"_placeholder":true,"num":0}]', '461-[{"_placeholder":true,"num":0}]',
    b"unannounced", b"",
]  # fmt: skip


@pytest.mark.parametrize("packet", MALFORMED, ids=lambda packet: repr(packet[:40]))
async def test_a_malformed_packet_closes_the_connection_at_once(echo: Echoing, packet: str | bytes) -> None:
    client = await connected(echo)
    client.writer.write(encoded(packet, BINARY) if isinstance(packet, bytes) else encoded(packet.encode()))

    assert await closed_within(client, CLOSED_WITHIN_S)


async def test_text_where_an_attachment_is_due_closes_the_connection(echo: Echoing) -> None:
    client = await connected(echo)
    client.send('451-["x",{"_placeholder":true,"num":0}]')
    client.send('42["x"]')

    assert await closed_within(client, CLOSED_WITHIN_S)


@pytest.mark.parametrize("packet", ['42["x"]', "41", "43", '451-["x",{"_placeholder":true,"num":0}]'])
async def test_nothing_is_taken_from_who_has_not_connected(echo: Echoing, packet: str) -> None:
    client = await opened(echo)
    client.send(packet)

    assert await closed_within(client, CLOSED_WITHIN_S)


async def test_a_message_over_the_limit_closes_the_connection(echo: Echoing) -> None:
    client = await connected(echo)
    client.send('42["x","' + "a" * LIMIT + '"]')

    assert await closed_within(client, CLOSED_WITHIN_S)


async def test_who_goes_without_a_word_is_forgotten(echo: Echoing) -> None:
    clients = [await connected(echo, "/custom") for _ in range(5)]
    assert len(echo.left_behind) == 10
    clients[0].send('451-/custom,["x",{"_placeholder":true,"num":0}]')
    for client in clients:
        client.leave()
    await asyncio.sleep(0.1)

    assert echo.left_behind == []
