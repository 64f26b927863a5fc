"""What is malformed closes its own connection, what is wrong is refused, and everybody else is unharmed."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from running import Person, Server
from sockets.raw import RawPolling, RawSocket, half_asked

CLOSED_WITHIN_S = 0.5
LIMIT = 64 * 1024


@pytest.fixture(scope="module")
def alice(server: Server) -> Person:
    return Person(server.url, "Alice")


@pytest.fixture(scope="module")
def project_id(alice: Person) -> str:
    return alice.project()


@pytest.fixture
def witness(server: Server, alice: Person, project_id: str) -> Iterator[RawSocket]:
    """Somebody else in the room: nothing is written meanwhile, and they can go on afterwards."""
    socket = RawSocket(server.url, alice.token)
    assert socket.ask("join_project", {"projectId": project_id})["ok"]
    assert socket.event()[0] == "project_joined"
    before = alice.http.get(f"/api/projects/{project_id}").headers["etag"]
    yield socket
    assert alice.http.get(f"/api/projects/{project_id}").headers["etag"] == before
    assert socket.ask("send_message", {"projectId": project_id, "text": "Hello"})["ok"]
    socket.close()


MALFORMED: list[str | bytes] = [
    "",
    "9",
    "x",
    "4",
    "49",
    "42",
    "42{}",
    "42[]",
    "42[7]",
    "42[",
    '42["task_moved",{]',
    '42["connect",{}]',
    '42["disconnect","forged"]',
    "4" + "2" + "[" * 20_000,
    '451-["send_message",{"_placeholder":true,"num":0}]',
    "42/other,[]",
    '40{"token":"again"}',
    "430",
    "44{}",
    "1x",
    b"binary",
    "b!!!",
    '42["send_message",{"text":"' + "a" * LIMIT + '"}]',
    '42["send_message",NaN]',
]


@pytest.mark.parametrize("packet", MALFORMED, ids=lambda packet: repr(packet[:24]))
def test_a_malformed_or_oversized_packet_closes_its_own_connection(
    server: Server, alice: Person, witness: RawSocket, packet: str | bytes
) -> None:
    socket = RawSocket(server.url, alice.token)

    socket.send(packet)

    assert socket.closed_within(CLOSED_WITHIN_S)


@pytest.mark.parametrize(
    ("packet", "code", "why"),
    [
        ("9", 1002, "no packet of Engine.IO that a client sends"),
        ('42["task_moved",{]', 1002, "malformed packet: Expecting property name"),
        (b"binary", 1002, "malformed packet: binary attachments are not taken"),
        (
            '451-["send_message",{"_placeholder":true,"num":0}]',
            1002,
            "malformed packet: binary attachments are not taken",
        ),
        ('42["send_message",{"text":"' + "a" * LIMIT + '"}]', 1009, ""),
    ],
    ids=["unknown", "malformed", "bytes", "attachment", "oversized"],
)
def test_the_close_frame_says_what_is_wrong(
    server: Server, alice: Person, packet: str | bytes, code: int, why: str
) -> None:
    socket = RawSocket(server.url, alice.token)

    socket.send(packet)

    assert socket.closed_within(CLOSED_WITHIN_S)
    assert socket.websocket.close_code == code
    assert socket.websocket.close_reason
    assert socket.websocket.close_reason.startswith(why)


@pytest.mark.parametrize(
    "packet", [each for each in MALFORMED if isinstance(each, str)], ids=lambda each: repr(each[:24])
)
def test_a_malformed_or_oversized_packet_ends_its_own_polling_session(
    server: Server, alice: Person, witness: RawSocket, packet: str
) -> None:
    session = RawPolling(server.url, alice.token)

    answered = session.post(packet).status_code

    assert answered in ({200, 400} if packet[:1] in {"1", "4", "b"} else {400})
    assert session.get().status_code == 400


@pytest.mark.parametrize(
    ("event", "arguments", "code"),
    [
        ("no_such_event", [{}], "unknown_event"),
        ("send_message", [], "invalid_payload"),
        ("send_message", [{}, {}], "invalid_payload"),
        ("send_message", ["text"], "invalid_payload"),
        ("send_message", [None], "invalid_payload"),
        ("send_message", [{"text": 7}], "invalid_payload"),
        ("send_message", [{"text": ""}], "invalid_payload"),
        ("send_message", [{"text": "a\0b"}], "invalid_payload"),
        ("send_message", [{"text": "a\ud800b"}], "invalid_payload"),
        ("send_message", [{"text": "a", "txet": "b"}], "invalid_payload"),
        ("send_message", [{"text": "a", "commandId": "7"}], "invalid_payload"),
        ("send_message", [{"text": "a", "actor": str(uuid.uuid4())}], "invalid_payload"),
        ("task_moved", [{"taskId": str(uuid.uuid4()), "status": "done"}], "task_not_found"),
        ("task_moved", [{"taskId": "1; DROP TABLE events", "status": "done"}], "invalid_payload"),
        ("join_project", [{"projectId": str(uuid.uuid4())}], "project_not_found"),
        ("join_project", [{"projectId": 7}], "invalid_payload"),
        ("join_project", [{"position": 1}], "invalid_payload"),
        ("typing", [{"projectId": str(uuid.uuid4())}], "not_in_room"),
        ("authenticate", [{"token": "nonsense"}], "token_invalid"),
    ],
)
def test_a_payload_that_is_wrong_is_refused_and_the_connection_goes_on(
    server: Server, alice: Person, project_id: str, witness: RawSocket, event: str, arguments: list[Any], code: str
) -> None:
    socket = RawSocket(server.url, alice.token)
    if event == "send_message" and arguments and isinstance(arguments[0], dict):
        arguments = [{"projectId": project_id, **arguments[0]}, *arguments[1:]]

    answer = socket.ask(event, *arguments)

    assert (answer["ok"], answer["error"]["code"]) == (False, code)
    assert socket.ask("join_project", {"projectId": project_id})["ok"]
    socket.close()


def test_a_refusal_nobody_asked_to_hear_of_comes_as_command_rejected(server: Server, alice: Person) -> None:
    socket = RawSocket(server.url, alice.token)
    command_id = str(uuid.uuid4())

    socket.send("42" + json.dumps(["task_moved", {"taskId": "x", "status": "done", "commandId": command_id}]))

    name, payload = socket.event()
    assert (name, payload["event"], payload["commandId"]) == ("command_rejected", "task_moved", command_id)
    assert payload["error"]["code"] == "invalid_payload"
    socket.close()


@pytest.mark.parametrize("packet", ['42["a\\ud800b",{}]', '42["a\\ud800b"]', '42["typing",{"a\\ud800b":1}]'])
def test_a_name_that_utf_8_cannot_hold_is_refused_and_the_connection_goes_on(
    server: Server, alice: Person, packet: str
) -> None:
    socket = RawSocket(server.url, alice.token)
    socket.send(packet)

    name, payload = socket.event()
    assert (name, payload["event"]) == ("command_rejected", json.loads(packet[2:])[0])
    assert socket.ask("authenticate", {"token": alice.token})["ok"]
    socket.close()


def test_nothing_runs_before_a_token_was_good(server: Server, project_id: str) -> None:
    socket = RawSocket(server.url, None)
    socket.send("42" + json.dumps(["join_project", {"projectId": project_id}]))
    assert socket.closed_within(CLOSED_WITHIN_S)

    for auth, code in [('{"token":"x"}', "token_invalid"), ("", "token_missing"), ('{"token":7}', "token_missing")]:
        socket = RawSocket(server.url, None)
        socket.send("40" + auth)
        refused = socket.next()
        assert refused.startswith("44")
        assert json.loads(refused[2:])["data"]["code"] == code
        socket.close()


def test_a_client_that_shows_no_token_is_closed_within_five_seconds(server: Server, alice: Person) -> None:
    silent, refused, good = (RawSocket(server.url, token) for token in (None, None, alice.token))
    refused.send('40{"token":"nonsense"}')
    halves = [half_asked(server.url, said) for said in (b"", b"GET /socket.io/", b"GET / HTTP/1.1\r\nHost: x\r\n")]

    assert silent.closed_within(5)
    assert refused.closed_within(1)
    assert [each.recv(1) for each in halves] == [b""] * 3
    assert good.ask("authenticate", {"token": alice.token})["ok"]
    good.close()


def test_another_namespace_is_refused_as_the_protocol_says(server: Server, alice: Person) -> None:
    socket = RawSocket(server.url, alice.token)
    socket.send("40/admin,")

    assert socket.next() == '44/admin,{"message":"Invalid namespace"}'
    socket.close()


def test_a_page_of_another_origin_cannot_connect(server: Server) -> None:
    url = f"{server.url}/socket.io/?EIO=4&transport=polling"

    assert httpx.get(url, headers={"Origin": "https://evil.example"}).status_code == 400
    assert httpx.get(url, headers={"Origin": server.url}).status_code == 200


def test_commands_of_one_socket_are_carried_out_in_their_order(server: Server, alice: Person) -> None:
    project_id = alice.project()
    socket = RawSocket(server.url, alice.token)
    assert socket.ask("join_project", {"projectId": project_id})["ok"]
    assert socket.event()[0] == "project_joined"

    for number in range(100):
        message = ["send_message", {"projectId": project_id, "text": str(number)}]
        socket.send(f"42{number}" + json.dumps(message))
    acknowledged, texts = [], []
    while len(acknowledged) < 100 or len(texts) < 100:
        packet = socket.next()
        if packet.startswith("43"):
            acknowledged.append(int(packet[2 : packet.index("[")]))
        else:
            texts.append(int(json.loads(packet[2:])[1]["text"]))

    assert acknowledged == texts == list(range(100))
    socket.close()


def test_the_server_wrote_no_error_meanwhile(server: Server) -> None:
    assert server.errors == ""
