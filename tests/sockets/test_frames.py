"""Frames: the same packets for polling and for a websocket, encoded once."""

import json

import pytest

from collabcampus.sockets import frames


def test_an_event_is_one_packet_and_one_websocket_frame() -> None:
    frame = frames.frame("welcome", {"a": 1})

    assert frame.packets == (b'42["welcome",{"a":1}]',)
    assert frame.wire == bytes((0x81, 21)) + frame.packets[0]
    assert not frame.shared


def test_what_is_encoded_already_is_spliced_in() -> None:
    assert frames.of_raw("welcome", b'{"a":1}').wire == frames.frame("welcome", {"a": 1}).wire
    assert frames.acknowledgement_raw(7, b'{"ok":true}').packets == (b'437[{"ok":true}]',)
    assert frames.acknowledgement(7, {"ok": True}).wire == frames.acknowledgement_raw(7, b'{"ok":true}').wire
    assert frames.of_raw("welcome", b"{}", shared=True).shared


@pytest.mark.parametrize(
    ("size", "header"),
    [
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65_535, b"\x81\x7e\xff\xff"),
        (65_536, b"\x81\x7f\0\0\0\0\0\1\0\0"),
    ],
)
def test_a_header_is_as_long_as_the_length_needs(size: int, header: bytes) -> None:
    assert frames.of_packet(b"4" * size).wire == header + b"4" * size


def test_several_frames_are_one_burst_in_their_order() -> None:
    first, second = frames.frame("welcome", {}), frames.of_raw("project_joined", json.dumps({}).encode(), shared=True)

    burst = frames.together([first, second])

    assert burst.packets == first.packets + second.packets
    assert burst.wire == first.wire + second.wire
    assert (burst.shared, frames.together([second, second]).shared) == (False, True)


def test_bytes_are_one_binary_frame_and_base64_for_polling() -> None:
    assert frames.of_binary(b"\0\xff").packets == (b"bAP8=",)
    assert frames.of_binary(b"\0\xff").wire == b"\x82\x02\0\xff"
