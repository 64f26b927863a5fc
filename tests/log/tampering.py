"""A round of attacks: random histories, a checkpoint, an attack on most of them, and what the audit says then."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from random import Random

import psycopg
from msgspec import Struct, field

from collabcampus.app import now
from collabcampus.evidence.against import against
from collabcampus.evidence.signing import public_file, public_keys
from collabcampus.evidence.taking import Evidence, take
from collabcampus.log import verify
from collabcampus.log.checks import Finding
from collabcampus.log.database import Connection, Database
from log.attacks import ELSEWHERE, Kind, Victim, kinds, redact, unlock
from log.seeded import History, append_all, histories

LEFT_ALONE = 5
"""One project of so many is not attacked."""
REDACTED = 0.5
"""The share of those in which an event is redacted, as it may be."""


class Tried(Struct):
    """Of one kind of attack: how many there were, and how many the audit found by itself, and with checkpoints."""

    planted: int = 0
    by_itself: int = 0
    found: int = 0


class Round(Struct):
    """What a round, or many, came to. `wrong` names what should not be; what else is there are figures."""

    histories: int = 0
    events: int = 0
    left_alone: int = 0
    kinds: dict[str, Tried] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: "Round") -> None:
        """Count another one in."""
        self.histories += other.histories
        self.events += other.events
        self.left_alone += other.left_alone
        self.wrong += other.wrong
        for name, tried in other.kinds.items():
            known = self.kinds.setdefault(name, Tried())
            known.planted += tried.planted
            known.by_itself += tried.by_itself
            known.found += tried.found


class _Found(Struct):
    """Findings by project."""

    by_itself: dict[str, list[Finding]]
    against: dict[str, list[Finding]]

    @property
    def projects(self) -> set[str]:
        return {*self.by_itself, *self.against}


async def attacked(database: Database, folder: Path, number: int, seed: int) -> Round:
    """Do a round in an empty database; `folder` is where the checkpoint goes."""
    made = list(histories(number, seed))
    await append_all(database, made)
    evidence = Evidence(folder / "checkpoints", folder / "evidence.key")
    done = Round(number, sum(each.head for each in made))
    connection: Connection
    async with await psycopg.AsyncConnection.connect(database.conninfo, autocommit=True) as connection:
        await take(connection, evidence, now())
        before = await _found(connection, evidence)
        done.wrong += [f"seed {seed}: found before any attack: {each}" for each in _all(before)]
        planted = plant(database.conninfo, made, Random(seed))
        _compare(done, planted, await _found(connection, evidence), seed)
    return done


def plant(conninfo: str, made: Sequence[History], random: Random) -> dict[str, Kind | None]:
    """Attack projects, all kinds in turn; which was done to which. None for who was left alone."""
    planted: dict[str, Kind | None] = {}
    every = kinds()
    first = random.randrange(len(every))
    turns = islice(cycle(every), first, None)
    with psycopg.connect(conninfo) as owner:
        unlock(owner)
        for nth, each in enumerate(made):
            kind = planted[each.project_id] = None if nth % LEFT_ALONE == 0 else next(turns)
            victim = Victim(each.project_id, each.head, random.choice(each.before))
            if kind:
                kind.attack(owner, victim, random)
            elif random.random() < REDACTED:
                redact(owner, victim, random)
    return planted


async def _found(connection: Connection, evidence: Evidence) -> _Found:
    keys = public_keys(public_file(evidence.key))
    return _Found(
        _by_project(await verify.audit(connection)), _by_project(await against(connection, evidence.folder, keys))
    )


def _by_project(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    grouped: dict[str, list[Finding]] = defaultdict(list)
    for each in findings:
        grouped[each.project_id].append(each)
    return dict(grouped)


def _all(found: _Found) -> list[Finding]:
    return [each for side in (found.by_itself, found.against) for several in side.values() for each in several]


def _compare(done: Round, planted: dict[str, Kind | None], found: _Found, seed: int) -> None:
    for project_id, kind in planted.items():
        if kind is None:
            done.left_alone += 1
            continue
        tried = done.kinds.setdefault(kind.name, Tried())
        tried.planted += 1
        tried.by_itself += project_id in found.by_itself
        tried.found += project_id in found.projects
        if project_id not in (found.by_itself if kind.by_itself else found.projects):
            done.wrong.append(f"seed {seed}: not found in {project_id}: {kind.name}")
    for project_id in found.projects - {ELSEWHERE}:
        if planted.get(project_id) is None:
            said = [*found.by_itself.get(project_id, []), *found.against.get(project_id, [])]
            done.wrong.append(f"seed {seed}: found where nothing was done: {said[0]}")
