"""PostgreSQL arrays in the binary wire format, made of elements that are bytes already.

psycopg would look at every element of every array; a group commit has thousands, of four kinds.
"""

from collections.abc import Sequence
from struct import Struct

BIGINT, BOOLEAN, BYTEA, INTEGER, TEXT, UUID = 20, 16, 17, 23, 25, 2950
"""Element types."""
ARRAY_OF = {BIGINT: 1016, BYTEA: 1001, INTEGER: 1007, TEXT: 1009, UUID: 2951}
"""The type of an array of each."""

_HEADER = Struct("!iiIii").pack
_EMPTY = Struct("!iiI").pack
_LENGTH = Struct("!i").pack
bigint = Struct("!q").pack
integer = Struct("!i").pack
boolean = Struct("!?").pack


def uuid(text: str) -> bytes:
    """A canonical UUID's sixteen bytes."""
    return bytes.fromhex(text.replace("-", ""))


def fixed(kind: int, size: int, elements: Sequence[bytes]) -> bytes:
    """An array of elements that all have `size` bytes."""
    if not elements:
        return _EMPTY(0, 0, kind)
    length = _LENGTH(size)
    return _HEADER(1, 0, kind, len(elements), 1) + length + length.join(elements)


def varying(kind: int, elements: Sequence[bytes]) -> bytes:
    """An array of elements of any length."""
    if not elements:
        return _EMPTY(0, 0, kind)
    parts = [_HEADER(1, 0, kind, len(elements), 1)]
    for element in elements:
        parts.append(_LENGTH(len(element)))
        parts.append(element)
    return b"".join(parts)
