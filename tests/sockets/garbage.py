"""What clients may throw at the sockets, as Hypothesis sees it: well-formed, nearly well-formed, and anything."""

import json
import random
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from collabcampus.domain import commands as c
from collabcampus.sockets.packets import ACK_ID_DIGITS, RESERVED, Asked, Malformed, read
from sockets.framed import encoded
from strategies import PEOPLE, TASKS

EVENTS = [
    "message",
    "join_project",
    "leave_project",
    "typing",
    "authenticate",
    "no_such_event",
    "",
    "園",
    *c.COMMANDS,
]
NAMES = [
    "projectId",
    "taskId",
    "text",
    "title",
    "status",
    "position",
    "commandId",
    "token",
    "_placeholder",
    "num",
    "x",
]

CHANGED_ONE_IN = 20

_scalars = st.sampled_from([
    None, True, 0, -1, 2**63, 2**70, 0.5, 1e308, "", "Dig", "a\0b", "\ud800", "é\u2028", "<b>",
    "'; DROP TABLE events", "todo", TASKS[0], TASKS[1], PEOPLE[0], "0" * 300,
])  # fmt: skip
_lists = st.lists(_scalars, max_size=3)
_objects = st.dictionaries(st.sampled_from(NAMES), _scalars | _lists, max_size=3)
_arguments = st.one_of(_objects.map(lambda one: [one]), _objects.map(lambda one: [one]), _lists)
_ack_ids = st.sampled_from(["", *map(str, range(9)), "9" * (ACK_ID_DIGITS - 1)])
_places = st.sampled_from(["", "", "", "/,", "/custom,", "/?a=b,", "/random,", "/"])


def _event(name: str, arguments: list[Any], ack_id: str, escaped: bool) -> str:
    # A lone surrogate has no UTF-8: only an escape can bring it.
    text = json.dumps([name, *arguments], separators=(",", ":"), ensure_ascii=escaped)
    return "42" + ack_id + text.encode("utf-8", "replace").decode()


well_formed = st.builds(_event, st.sampled_from(EVENTS), _arguments, _ack_ids, st.booleans())


def _mutated(packet: str, at: int, change: str, inserted: str) -> str:
    at %= len(packet) + 1
    match change:
        case "cut":
            return packet[:at]
        case "drop":
            return packet[:at] + packet[at + 1 :]
        case "double":
            return packet[:at] + packet[at // 2 :]
        case _:
            return packet[:at] + inserted + packet[at:]


CHANGES = ["cut", "drop", "double", "insert", "insert", "insert"]
SIGNS = [*'0123456789-,/?[]{}"\\:\0\x1e \u0661\ue000', "null", "NaN", "1e999", "\\ud800", "[" * 2_000]
nearly = st.builds(_mutated, well_formed, st.integers(0, 80), st.sampled_from(CHANGES), st.sampled_from(SIGNS))

_reserved = st.builds(lambda name: f'42["{name}",{{}}]', st.sampled_from(sorted(RESERVED)))
_placeholder = '{"_placeholder":true,"num":0}'
_others = st.builds(
    lambda kind, place, ack_id, rest: f"4{kind}{place}{ack_id}{rest}",
    st.sampled_from(["0", "1", "3", "4", "5", "6", "7", "51-", "52-", "61-", "50-", "511-", "2"]),
    _places,
    _ack_ids,
    st.sampled_from(["", "{}", "[]", '["x"]', '{"token":"x"}', f'["x",{_placeholder}]', f"[{_placeholder}]", "nul"]),
)
_engine = st.sampled_from(["", "0", "0{}", "1", "1x", "2", "2probe", "3", "3probe", "5", "6", "7", "4", "b", "bAQID"])
_anything = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_bytes = st.binary(max_size=12)

malformed_or_not = st.one_of(nearly, nearly, _others, _engine, _anything, _bytes, _reserved)


def _frame(payload: bytes, opcode: int, fin: bool, masked: bool, head: int) -> bytearray:
    return bytearray(encoded(payload, opcode, fin=fin, masked=masked, head=head))


frames = st.builds(
    _frame,
    st.one_of(_bytes, st.sampled_from([b'42["x"]', b"3", b"\xff", b"\x03\xe8", b"a" * 200])),
    st.sampled_from([0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xA, 0xF]),
    st.booleans(),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([0, 0, 0, 0x10, 0x40]),
)
"""Websocket frames as bytes on the wire; bytearrays, to be told from binary packets."""

Thrown = str | bytes | bytearray


def thrown(well: int = 12) -> st.SearchStrategy[Thrown]:
    """Anything a client may throw: of `well` + 2 things, about that many are well-formed events."""
    # Mapped, because `one_of` takes alternatives apart and each of them once.
    return st.one_of(
        *[well_formed.map(str) for _ in range(well)],
        malformed_or_not.map(_itself),
        (malformed_or_not | frames).map(_itself),
    )


def _itself(thing: Thrown) -> Thrown:
    return thing


def offspring(parents: Sequence[Thrown], seed: int, count: int) -> list[Thrown]:
    """More of the kind: events with the name of one and the arguments of another, some of them changed by a sign.

    Hypothesis takes half a millisecond for a packet, which is too long for a million.
    """
    chance = random.Random(seed)
    split = [each.partition(",") for each in parents if isinstance(each, str) and each[:2] == "42" and _is_read(each)]
    children: list[Thrown] = []
    for _ in range(count if split else 0):
        child = chance.choice(split)[0].rstrip("]") + ("".join(chance.choice(split)[1:]) or "]")
        if not chance.randrange(CHANGED_ONE_IN):
            child = _mutated(child, chance.randrange(80), chance.choice(CHANGES), chance.choice(SIGNS))
        children.append(child)
    return children


def _is_read(packet: str) -> bool:
    try:
        return isinstance(read(packet[1:]), Asked)
    except Malformed:
        return False
