"""Ids that follow from something, so that whoever asks again finds the same."""

import hashlib

from collabcampus.domain.project import Actor


def new_project_id(actor: Actor, command_id: str) -> str:
    """The id of a project to create: a retry finds the same."""
    return uuid_of(f"{actor.user_id}/{command_id}")


def uuid_of(text: str) -> str:
    """The UUIDv8 of a text's digest."""
    raw = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
