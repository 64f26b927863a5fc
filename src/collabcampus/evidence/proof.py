"""Proofs that a stranger verifies offline by `scripts/verify_proof.py`, with the public key and nothing else.

An event's hash follows from its predecessor's and its own leaf, and each later event's from the one before it and a
leaf that tells nothing of the event. So the leaves from one event on lead to the project's head in a checkpoint, and
the path in the checkpoint's tree from there to what was signed. Hashes are in hexadecimal digits.
"""

import asyncio
from bisect import bisect_left
from hashlib import sha256
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from collabcampus.evidence import tree
from collabcampus.evidence.checkpoint import Leaf, Malformed
from collabcampus.evidence.folder import Folder
from collabcampus.log.database import Connection

_EVENT = """
    SELECT e.position, e.type, e.key, e.actor::text, e.command_id::text, rfc3339(e.at), encode(e.salt, 'hex'),
           encode(e.digest, 'hex'), e.data::text, e.hash,
           leaf(e.project_id, e.position, e.type, e.key, e.actor, e.command_id, e.at, e.digest),
           encode(coalesce((SELECT p.hash FROM events AS p
                            WHERE p.project_id = e.project_id AND p.position = e.position - 1), genesis()), 'hex')
    FROM events AS e WHERE e.project_id = %s AND e.position = %s
"""
_LEAVES = """
    SELECT leaf(project_id, position, type, key, actor, command_id, at, digest) FROM events
    WHERE project_id = %s AND position > %s AND position <= %s ORDER BY position
"""


class NotProven(Exception):
    """There is no proof of this: no checkpoint covers it, or the log is not what was signed."""


class Event(Struct, frozen=True, rename="camel"):
    """What the hash of an event covers: `data`, the text that is stored, with its `salt`; or the `digest` of both,
    where they are not given away. A salt alone would let anybody try which data it was."""

    position: int
    type: str
    key: str
    actor: str
    command_id: str
    at: str
    salt: str | UnsetType = UNSET
    data: str | UnsetType = UNSET
    digest: str | UnsetType = UNSET


class Inclusion(Struct, frozen=True, rename="camel"):
    """That a project was at `position`, where its hash was `hash`, when the checkpoint was signed: the siblings on
    the way up its tree, each with its side, `left` or `right`."""

    checkpoint: str
    position: int
    hash: str
    path: list[tuple[str, str]]


class EventProof(Struct, frozen=True, rename="camel"):
    """That this event was in the log; `links` are the leaves of those after it, up to the position of `to`."""

    project_id: str
    event: Event
    predecessor: str
    links: list[str]
    to: Inclusion


class GrowthProof(Struct, frozen=True, rename="camel"):
    """That the history at `to` begins with that at `from`; `links` are the leaves in between."""

    project_id: str
    from_: Inclusion = field(name="from")
    links: list[str]
    to: Inclusion


async def prove_event(
    connection: Connection, folder: Folder, project_id: str, position: int, to: str | None = None, *, data: bool
) -> EventProof:
    """That an event was in the log when the checkpoint `to` was signed; the first that covers it, unless named.
    NotProven where it cannot be shown. `data` gives away what the event says."""
    name = await asyncio.to_thread(_first_covering, folder, project_id, position) if to is None else to
    until, inclusion = await _included(folder, name, project_id)
    row = await (await connection.execute(_EVENT.encode(), (project_id, position))).fetchone()
    if not row or until.position < position:
        raise NotProven(f"checkpoint {name} covers no event {position} of {project_id}")
    *envelope, salt, digest, text, hashed, leaf, predecessor = row
    stored = sha256(bytes.fromhex(salt) + text.encode()).hexdigest() if salt else digest
    if stored != digest or hashed != sha256(bytes.fromhex(predecessor) + leaf).digest():
        raise NotProven(f"event {position} of {project_id} is not what its hash is of: audit the log")
    # Of redacted data there is no salt any more, and what stands there is not what was said.
    said = {"salt": salt, "data": text} if data and salt else {"digest": digest}
    links = await _links(connection, Leaf(project_id, position, bytes(hashed)), until)
    return EventProof(project_id, Event(*envelope, **said), predecessor, links, inclusion)


async def prove_growth(
    connection: Connection, folder: Folder, project_id: str, since: str, to: str | None = None
) -> GrowthProof:
    """That a project only grew from the checkpoint `since` to the checkpoint `to`, the newest unless named.
    NotProven where it cannot be shown."""
    first, begun = await _included(folder, since, project_id)
    newest = await asyncio.to_thread(_newest, folder) if to is None else to
    last, ended = await _included(folder, newest, project_id)
    return GrowthProof(project_id, begun, await _links(connection, first, last), ended)


async def _links(connection: Connection, since: Leaf, until: Leaf) -> list[str]:
    rows = await connection.execute(_LEAVES.encode(), (since.project_id, since.position, until.position))
    leaves = [bytes(leaf) for (leaf,) in await rows.fetchall()]
    hashed = since.hash
    for leaf in leaves:
        hashed = sha256(hashed + leaf).digest()
    if (since.position + len(leaves), hashed) != (until.position, until.hash):
        raise NotProven(f"the log of {since.project_id} does not lead to what was signed: audit it")
    return [leaf.hex() for leaf in leaves]


async def _included(folder: Folder, name: str, project_id: str) -> tuple[Leaf, Inclusion]:
    return await asyncio.to_thread(_inclusion, folder, name, project_id)


def _inclusion(folder: Folder, name: str, project_id: str) -> tuple[Leaf, Inclusion]:
    note, leaves = _listed(folder.note, name), _listed(folder.leaves, name)
    for index, leaf in enumerate(leaves):
        if leaf.project_id == project_id:
            siblings = (each.hex() for each in tree.path((every.hashed for every in leaves), index))
            path = list(zip(tree.sides(index, len(leaves)), siblings, strict=True))
            return leaf, Inclusion(note, leaf.position, leaf.hash.hex(), path)
    raise NotProven(f"checkpoint {name} does not cover {project_id}")


def _first_covering(folder: Folder, project_id: str, position: int) -> str:
    """By halving: heads only move on."""
    names = folder.names()
    found = bisect_left(names, position, key=lambda name: _position(folder, name, project_id))
    if found == len(names):
        raise NotProven(f"no checkpoint covers event {position} of {project_id}: `collabcampus checkpoint` makes one")
    return names[found]


def _position(folder: Folder, name: str, project_id: str) -> int:
    return next((each.position for each in _listed(folder.leaves, name) if each.project_id == project_id), 0)


def _newest(folder: Folder) -> str:
    names = folder.names()
    if not names:
        raise NotProven("there is no checkpoint: `collabcampus checkpoint` makes one")
    return names[-1]


def _listed(read: Any, name: str) -> Any:
    try:
        return read(name)
    except Malformed as error:
        raise NotProven(f"checkpoint {name} is damaged: {error}") from None
