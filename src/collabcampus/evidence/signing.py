"""Signed notes: text that ends with a line feed, an empty line, and lines `— name base64(key's id, signature)`.

Notes and keys have the form that transparency logs use (C2SP `signed-note`), so that their tools read ours. A key is
one line: `name+id+base64` to give away, `PRIVATE+KEY+name+id+base64` to keep.
"""

import hashlib
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from collabcampus.evidence.files import write_new

ED25519 = b"\x01"
"""The algorithm, before the bytes of a key."""
KEY_BYTES, ID_BYTES = 32, 4
_PRIVATE = "PRIVATE+KEY+"
_MARK = "— "


class BadKey(Exception):
    """A key file holds no key."""


class BadNote(Exception):
    """A note that is no note, or that none of the keys signed."""


class PublicKey(Struct, frozen=True):
    """What tells a signature; `name` is whose it is."""

    name: str
    raw: bytes

    @property
    def key_id(self) -> bytes:
        """What of the key stands in a signature: which to look for, and no more."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.raw).digest()[:ID_BYTES]

    def line(self) -> str:
        """Its form as text."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(ED25519 + self.raw).decode()}"

    def signed(self, text: str, signature: bytes) -> bool:
        """Whether the signature is its own, of this text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


class PrivateKey(Struct, frozen=True):
    """What signs; its representation tells nothing of it."""

    name: str
    raw: bytes

    def __repr__(self) -> str:
        return f"PrivateKey({self.name})"

    @property
    def public(self) -> PublicKey:
        """Its other half."""
        return PublicKey(self.name, Ed25519PrivateKey.from_private_bytes(self.raw).public_key().public_bytes_raw())

    def line(self) -> str:
        """Its form as text."""
        key = b64encode(ED25519 + self.raw).decode()
        return f"{_PRIVATE}{self.name}+{self.public.key_id.hex()}+{key}"

    def sign(self, text: str) -> str:
        """The note of a text that ends with a line feed."""
        signature = Ed25519PrivateKey.from_private_bytes(self.raw).sign(text.encode())
        return f"{text}\n{_MARK}{self.name} {b64encode(self.public.key_id + signature).decode()}\n"


def opened(note: str, keys: Iterable[PublicKey]) -> str:
    """The text of a note, signed by one of the keys; signatures by others are passed over. BadNote otherwise."""
    text, parted, lines = note.rpartition("\n\n")
    if not parted or not lines.endswith("\n"):
        raise BadNote("it has no signature, or is cut short")
    text += "\n"
    known = [key for key in keys if any(_is_by(line, key, text) for line in lines.splitlines())]
    if not known:
        raise BadNote("none of the keys has signed it")
    return text


def signing_key(file: Path) -> PrivateKey:
    """The key in the file, one made where there is none; the file beside it has its public half from then on."""
    if not file.exists():
        made = PrivateKey(f"collabcampus/{secrets.token_hex(ID_BYTES)}", os.urandom(KEY_BYTES))
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):  # made by another process meanwhile
            write_new(file, made.line() + "\n", mode=0o600)
    key = _private(file)
    _publish(key.public.line(), public_file(file))
    return key


def public_file(file: Path) -> Path:
    """Where the public half lies of the key in `file`."""
    return file.with_name(file.name + ".pub")


def public_keys(file: Path) -> list[PublicKey]:
    """Those of a file with one a line. BadKey for what is none, or where there are none."""
    keys = [_public(line) for line in file.read_text().splitlines() if line]
    if not keys:
        raise BadKey(f"{file} holds no key")
    return keys


def _publish(line: str, file: Path) -> None:
    """Keys of before stay: what they signed is still to be told."""
    with file.open("a+") as published:
        published.seek(0)
        if line not in published.read().splitlines():
            published.write(line + "\n")


def _private(file: Path) -> PrivateKey:
    line = file.read_text().strip()
    name, key_id, raw = _parts(line.removeprefix(_PRIVATE))
    key = PrivateKey(name, raw)
    if not line.startswith(_PRIVATE) or key.public.key_id != key_id:
        raise BadKey(f"{file} holds no private key")
    return key


def _public(line: str) -> PublicKey:
    name, key_id, raw = _parts(line)
    key = PublicKey(name, raw)
    if key.key_id != key_id:
        raise BadKey(f"the key of {name} is not what its id says")
    return key


def _parts(line: str) -> tuple[str, bytes, bytes]:
    """Name, id and key of `name+id+key`; the key's text may have a plus in it."""
    try:
        name, key_id, key = line.strip().split("+", 2)
        decoded = b64decode(key, validate=True)
        if decoded[:1] != ED25519 or len(decoded) != 1 + KEY_BYTES:
            raise BadKey("this is no Ed25519 key")
        return name, bytes.fromhex(key_id), decoded[1:]
    except ValueError:
        raise BadKey("this is no key: one is name+id+base64") from None


def _is_by(line: str, key: PublicKey, text: str) -> bool:
    begin = f"{_MARK}{key.name} "
    try:
        signed = b64decode(line.removeprefix(begin), validate=True)
    except ValueError:
        return False
    canonical = begin + b64encode(signed).decode() == line
    return canonical and signed[:ID_BYTES] == key.key_id and key.signed(text, signed[ID_BYTES:])
