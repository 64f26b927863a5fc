"""A checkpoint: the head of the tree over all projects' heads at one moment, as text to be signed.

    collabcampus/1f0c77aa               the origin: whose key signs
    2                                   how many projects
    zq3vJdU…=                           the root of the tree
    time 2026-11-27T15:00:00.000Z       when, by the clock of the server
    previous 9cKq…=                     the SHA-256 of the text before this one; the first has no such line

A leaf is the project's id (16 bytes), its position (8 bytes, big-endian) and its head's hash (32 bytes), by id. The
leaves are listed beside it, so that it can be told which project is not what it was.
"""

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from collabcampus.evidence import tree

HASH_BYTES = 32
_TEXT = re.compile(
    r"(?P<origin>\S+)\n(?P<size>0|[1-9]\d*)\n(?P<root>[\w+/]{43}=)\n"
    r"time (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\n(?:previous (?P<previous>[\w+/]{43}=)\n)?",
    re.ASCII,
)
_LEAF = re.compile(
    r"(?P<project>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) (?P<position>[1-9]\d{0,18}) (?P<hash>\S{44})"
)


class Malformed(Exception):
    """A text that is no checkpoint, or no list of leaves."""


class Leaf(Struct, frozen=True):
    """A project's head: the hash of its event at `position`."""

    project_id: str
    position: int
    hash: bytes

    @property
    def hashed(self) -> bytes:
        """Its hash in the tree."""
        return tree.leaf_hash(UUID(self.project_id).bytes + self.position.to_bytes(8, "big") + self.hash)

    def line(self) -> str:
        """Its line in the list."""
        return f"{self.project_id} {self.position} {b64encode(self.hash).decode()}\n"


class Checkpoint(Struct, frozen=True):
    """What is signed; `time` is RFC 3339, UTC, milliseconds, `previous` None for the first."""

    origin: str
    size: int
    root: bytes
    time: str
    previous: bytes | None

    def text(self) -> str:
        """As it is signed."""
        head = f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\ntime {self.time}\n"
        return head + (f"previous {b64encode(self.previous).decode()}\n" if self.previous else "")

    @property
    def digest(self) -> bytes:
        """What the next checkpoint has as `previous`: of its text alone, since others may sign it later."""
        return hashlib.sha256(self.text().encode()).digest()

    def covers(self, leaves: Sequence[Leaf]) -> bool:
        """Whether these are the leaves it was made of."""
        return self.size == len(leaves) and self.root == tree.root(each.hashed for each in leaves)


def parse(text: str) -> Checkpoint:
    """The checkpoint of a text. Malformed for anything else, and for what this would not write so."""
    found = _TEXT.fullmatch(text)
    if not found:
        raise Malformed("it is no checkpoint")
    previous = found["previous"]
    checkpoint = Checkpoint(
        found["origin"],
        int(found["size"]),
        b64decode(found["root"]),
        found["time"],
        b64decode(previous) if previous else None,
    )
    if checkpoint.text() != text:
        raise Malformed("it is no checkpoint")
    return checkpoint


def parse_leaves(text: str) -> list[Leaf]:
    """The leaves of a list. Malformed for what is none."""
    leaves = []
    for line in text.splitlines(keepends=True):
        found = _LEAF.match(line)
        if not found:
            raise Malformed("a line names no project's head")
        try:
            leaf = Leaf(found["project"], int(found["position"]), b64decode(found["hash"], validate=True))
        except ValueError:
            raise Malformed("a line names no project's head") from None
        if leaf.line() != line:
            raise Malformed("a line names no project's head")
        leaves.append(leaf)
    return leaves
