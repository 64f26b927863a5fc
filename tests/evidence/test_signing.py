"""Signed notes: told by the key that signed them, and by no other."""

import stat
from base64 import b64encode
from pathlib import Path

import pytest

from collabcampus.evidence.signing import (
    BadKey,
    BadNote,
    PrivateKey,
    PublicKey,
    opened,
    public_file,
    public_keys,
    signing_key,
)

KEY = PrivateKey("collabcampus/1", bytes(range(32)))
TEXT = "one\n\ntwo\n"


def test_a_note_opens_by_its_key_whatever_else_is_signed_to_it() -> None:
    note = KEY.sign(TEXT)
    witness = PrivateKey("witness", bytes(32)).sign(TEXT).removeprefix(TEXT + "\n")

    assert opened(note, [KEY.public]) == TEXT
    assert opened(note + witness, [PublicKey("other", bytes(32)), KEY.public]) == TEXT


def test_a_note_that_is_changed_anywhere_does_not_open() -> None:
    note = KEY.sign(TEXT)
    for nth, each in enumerate(note):
        changed = note[:nth] + ("x" if each != "x" else "y") + note[nth + 1 :]
        with pytest.raises(BadNote):
            opened(changed, [KEY.public])
        with pytest.raises(BadNote):
            opened(note[:nth], [KEY.public])
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/":
        if note[-3] != last:  # some of these are the same bytes
            with pytest.raises(BadNote):
                opened(f"{note[:-3]}{last}=\n", [KEY.public])
    for wrong in (PrivateKey("collabcampus/1", bytes(32)), PrivateKey("collabcampus/2", KEY.raw)):
        with pytest.raises(BadNote):
            opened(note, [wrong.public])


def test_a_key_is_made_once_for_its_owner_alone_and_its_public_half_is_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "new" / "evidence.key"
    made = signing_key(file)

    assert signing_key(file) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert public_keys(public_file(file)) == [made.public]
    assert file.read_text().startswith("PRIVATE+KEY+")
    assert "raw" not in repr(made)

    file.unlink()
    another = signing_key(file)
    assert public_keys(public_file(file)) == [made.public, another.public]


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "evidence.key"
    other = f"{KEY.name}+{KEY.public.key_id.hex()}+{b64encode(bytes([1] + [0] * 32)).decode()}\n"
    for wrong in ("", "key\n", "a+b+c\n", KEY.public.line()[:-5], other, "a+00000000+AAAA"):
        file.write_text(wrong)
        with pytest.raises(BadKey):
            public_keys(file)
        with pytest.raises(BadKey):
            signing_key(file)
