"""The form of an export: one JSON object a line, from which a log is restored bit for bit.

    header   the form's version
    person   one of the people, where they were asked for; never a secret
    project  its id, its head and the head's hash; its events and commands follow, up to that head
    event    as it is stored: `data` is the text of the stored bytes, `salt`, `digest` and `hash` in base64
    redaction  of the event before it, whose words were taken out: when, by whom and why; no salt without one
    command  what a commandId was answered, after the last event it made
    footer   how much there is, and the SHA-256 of every byte before this line

A file that ends without a footer is cut short.
"""

import hashlib
import struct
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from collabcampus.domain.types import Id

VERSION = 2
READ = (1, 2)
"""Those before redactions were in it are read as well."""
GENESIS = bytes(32)
"""What a project's first event follows."""

Position: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Time: TypeAlias = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
"""RFC 3339, UTC, milliseconds."""

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Header(Struct, frozen=True, rename="camel", tag="header", tag_field="line", forbid_unknown_fields=True):
    """The first line."""

    version: int


class Person(Struct, frozen=True, rename="camel", tag="person", tag_field="line", forbid_unknown_fields=True):
    """Somebody with an account."""

    user_id: Id
    name: str
    email: str


class Project(Struct, frozen=True, rename="camel", tag="project", tag_field="line", forbid_unknown_fields=True):
    """Whose events follow, up to `position`, where the hash is `hash`."""

    project_id: Id
    position: Position
    hash: bytes


class Event(Struct, frozen=True, rename="camel", tag="event", tag_field="line", forbid_unknown_fields=True):
    """An event of the project before it. `salt` is None where its data was redacted."""

    position: Position
    type: str
    key: str
    actor: Id
    command_id: Id
    at: Time
    salt: bytes | None
    digest: bytes
    hash: bytes
    data: str

    def follows(self, project_id: str, link: bytes) -> bool:
        """Whether its hash is that of its content right after an event whose hash is `link`."""
        return self.hash == hashlib.sha256(link + self._leaf(project_id)).digest()

    @property
    def is_authentic(self) -> bool:
        """Whether its data are those that were stored; nothing tells of redacted ones."""
        return self.salt is None or self.digest == hashlib.sha256(self.salt + self.data.encode()).digest()

    def _leaf(self, project_id: str) -> bytes:
        """As `leaf` in the schema has it."""
        named = self.type.encode()
        envelope = (
            UUID(project_id).bytes
            + struct.pack(">q", self.position)
            + UUID(self.actor).bytes
            + UUID(self.command_id).bytes
            + struct.pack(">q", microseconds(self.at))
        )
        name = struct.pack(">i", len(named)) + named
        return hashlib.sha256(envelope + self.digest + name + self.key.encode()).digest()


class Redaction(Struct, frozen=True, rename="camel", tag="redaction", tag_field="line", forbid_unknown_fields=True):
    """The event's words were taken out, for the `nth` time, when the project was at `head`; `sha256` is that of the
    data in their place."""

    position: Position
    nth: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    head: Position
    redacted_at: Time
    by: str
    reason: str
    sha256: bytes


class Command(Struct, frozen=True, rename="camel", tag="command", tag_field="line", forbid_unknown_fields=True):
    """What a commandId was answered: `events` events, the last at `position`; none where nothing had to change."""

    position: Position
    events: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    command_id: Id
    actor: Id
    at: Time
    digest: bytes


class Footer(Struct, frozen=True, rename="camel", tag="footer", tag_field="line", forbid_unknown_fields=True):
    """The last line."""

    people: int
    projects: int
    events: int
    commands: int
    sha256: bytes
    redactions: int = 0


Line: TypeAlias = Header | Person | Project | Event | Redaction | Command | Footer

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def microseconds(at: str) -> int:
    """A time as PostgreSQL counts it; ValueError for a day that there is not."""
    return (datetime.fromisoformat(at) - _EPOCH) // _MICROSECOND


def encode(line: Line) -> bytes:
    """The line with its line feed."""
    return _encoder.encode(line) + b"\n"


def decode(line: bytes) -> Line:
    """msgspec.DecodeError for what is no line of an export."""
    return _decoder.decode(line)
