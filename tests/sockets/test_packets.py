"""Reading packets: an event's arguments stay undecoded, what is no packet is malformed."""

from typing import Any

import msgspec
import pytest

from collabcampus.sockets.packets import Asked, Malformed, read


@pytest.mark.parametrize(
    ("packet", "event", "arguments", "ack_id"),
    [
        ('2["typing",{"a":1}]', "typing", [{"a": 1}], None),
        ('217["typing",{"a":1}]', "typing", [{"a": 1}], 17),
        ('20["typing"]', "typing", [], 0),
        ('2["typing",1,[2],null]', "typing", [1, [2], None], None),
        ('2/,5["typing",{}]', "typing", [{}], 5),
        ('2/?token=x,5["typing",{}]', "typing", [{}], 5),
        ('2 ["typing" , { } ]'.replace(" ", "", 1), "typing", [{}], None),
        ('2["gr\u00fc\u00dfe","\u00fc"]', "gr\u00fc\u00dfe", ["\u00fc"], None),
    ],
)
def test_an_event_is_read(packet: str, event: str, arguments: list[Any], ack_id: int | None) -> None:
    asked = read(packet)

    assert isinstance(asked, Asked)
    assert (asked.event, asked.ack_id) == (event, ack_id)
    assert [msgspec.json.decode(argument) for argument in asked.arguments] == arguments


@pytest.mark.parametrize(
    "packet",
    [
        "", "2", "2{}", "2[]", "2[1]", '2["a",]', '2["a"', '2["a"]]', '2["connect",{}]', '2\u0661["a"]', '2-1["a"]',
        "2" + "1" * 400 + '["a"]', '21-["a"]', '51-["a",{"_placeholder":true,"num":0}]', "3[]", "31{}", "0[]", '0"a"',
        '1"a"', "4{}", "6", '2["a",' + "[" * 5_000 + "]" * 5_000 + "]", b'2["a"]', '2["a",{"b":NaN}]',
        '2["a",1,1e999]',
    ],
    ids=lambda packet: repr(packet[:20]),
)  # fmt: skip
def test_what_no_client_would_send_is_malformed(packet: str | bytes) -> None:
    with pytest.raises(Malformed):
        read(packet)
