"""The tree is the one of RFC 9162, and a path shows one leaf at one place and no other."""

import hashlib

import pytest

from collabcampus.evidence import tree

SIZES = range(1, 34)


def by_halves(hashes: list[bytes]) -> bytes:
    """The root as the RFC defines it (2.1.1)."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return hashlib.sha256(b"\x01" + by_halves(hashes[:half]) + by_halves(hashes[half:])).digest()


def leaves(size: int) -> list[bytes]:
    return [tree.leaf_hash(bytes([each])) for each in range(size)]


def test_the_root_is_what_the_rfc_defines_by_halves() -> None:
    assert tree.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert tree.leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    for size in SIZES:
        assert tree.root(leaves(size)) == by_halves(leaves(size))


def test_every_leafs_path_leads_to_the_root_from_its_place_alone() -> None:
    for size in SIZES:
        hashes = leaves(size)
        root = tree.root(hashes)
        for index, hashed in enumerate(hashes):
            path = tree.path(hashes, index)
            assert tree.root_of(hashed, index, size, path) == root
            for other in set(range(size)) - {index}:
                assert not leads(root, hashed, other, size, path)


def test_the_sides_say_how_a_path_is_hashed() -> None:
    for size in SIZES:
        hashes = leaves(size)
        for index, hashed in enumerate(hashes):
            for side, sibling in zip(tree.sides(index, size), tree.path(hashes, index), strict=True):
                pair = sibling + hashed if side == "left" else hashed + sibling
                hashed = hashlib.sha256(b"\x01" + pair).digest()
            assert hashed == tree.root(hashes)


def test_a_path_that_is_changed_cut_or_longer_leads_nowhere() -> None:
    hashes = leaves(13)
    root, path = tree.root(hashes), tree.path(hashes, 5)

    for nth, each in enumerate(path):
        changed = [*path[:nth], bytes([each[0] ^ 1]) + each[1:], *path[nth + 1 :]]
        assert not leads(root, hashes[5], 5, 13, changed)
    assert not leads(root, hashes[5], 5, 13, path[:-1])
    assert not leads(root, hashes[5], 5, 13, [*path, path[0]])
    assert not leads(root, hashes[6], 5, 13, path)
    for index in (-1, 13):
        with pytest.raises(tree.NotIncluded):
            tree.root_of(hashes[5], index, 13, path)


def leads(root: bytes, hashed: bytes, index: int, size: int, path: list[bytes]) -> bool:
    try:
        return tree.root_of(hashed, index, size, path) == root
    except tree.NotIncluded:
        return False
