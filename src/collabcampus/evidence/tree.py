"""The Merkle tree of RFC 9162 (2.1): one root over many leaves, and the short path that shows a leaf is under it.

Everything here is over hashes of leaves, made by `leaf_hash`. A level's last node that has no sibling moves up as it
is, which is the tree that the RFC defines by halves.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence


class NotIncluded(Exception):
    """The path is none of a leaf at this index in a tree of this size."""


def leaf_hash(leaf: bytes) -> bytes:
    """A leaf's hash, which can be none of an inner node's."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def root(hashes: Iterable[bytes]) -> bytes:
    """The tree's head; the hash of nothing where there are no leaves."""
    level = list(hashes)
    while len(level) > 1:
        level = _above(level)
    return level[0] if level else hashlib.sha256().digest()


def path(hashes: Iterable[bytes], index: int) -> list[bytes]:
    """The siblings on the way up from the leaf at `index`, counted from 0, the lowest first."""
    level, siblings = list(hashes), []
    while len(level) > 1:
        if (sibling := index ^ 1) < len(level):
            siblings.append(level[sibling])
        level, index = _above(level), index // 2
    return siblings


def sides(index: int, size: int) -> Iterator[str]:
    """On which side each sibling of `path` is, `left` or `right`."""
    while size > 1:
        if index ^ 1 < size:
            yield "left" if index % 2 else "right"
        index, size = index // 2, (size + 1) // 2


def root_of(hashed: bytes, index: int, size: int, siblings: Sequence[bytes]) -> bytes:
    """The root that the path leads to from a leaf's hash. NotIncluded where there can be no such path."""
    if not 0 <= index < size:
        raise NotIncluded(f"there is no leaf {index} of {size}")
    last = size - 1
    for sibling in siblings:
        if last == 0:
            raise NotIncluded("the path is too long")
        if index % 2 or index == last:
            hashed = _node(sibling, hashed)
            while index and not index % 2:
                index, last = index // 2, last // 2
        else:
            hashed = _node(hashed, sibling)
        index, last = index // 2, last // 2
    if last:
        raise NotIncluded("the path is too short")
    return hashed


def _above(level: list[bytes]) -> list[bytes]:
    paired = [_node(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return paired + level[-1:] if len(level) % 2 else paired


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
