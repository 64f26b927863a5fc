"""Many random histories that follow from a seed, each in a world of its own, ready to be appended."""

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from msgspec import Struct

from collabcampus.domain import commands as c
from collabcampus.domain import events as e
from collabcampus.domain.decide import decide
from collabcampus.domain.errors import Refused
from collabcampus.domain.project import Actor, Project, fold, initial
from collabcampus.log import snapshots
from collabcampus.log.append import Decided, Writes
from collabcampus.log.database import Database
from log.writing import write
from strategies import OWNER, asks, opening, renamed

BEGAN = datetime(2026, 11, 27, 9, tzinfo=UTC)
APPENDED_AT_ONCE = 50
COMMANDS = 8, 20

Asked = list[tuple[c.Command, Actor]]


class History(Struct):
    """A project's commands in two parts, and its state between them."""

    project_id: str
    first: Writes
    second: Writes
    between: Project

    @property
    def head(self) -> int:
        """The last position."""
        return self.second.decided[-1].position if self.second.decided else self.second.base

    @property
    def before(self) -> list[int]:
        """The positions at which a command ended, but the last one."""
        decided = [*self.first.decided, *self.second.decided]
        return [each.position for each in decided if each.position < self.head]


def histories(number: int, seeded: int) -> Iterator[History]:
    """As many; the same seed gives the same."""
    for nth, asked in enumerate(_asked(number, seeded)):
        yield _history(uuid.uuid5(uuid.NAMESPACE_OID, f"{seeded} {nth}"), asked)


async def append_all(database: Database, made: Sequence[History]) -> None:
    """Append them in transactions of many projects, two a project, with a stored snapshot of what is between them."""
    for part in ("first", "second"):
        every = [writes for each in made if (writes := getattr(each, part)).decided]
        for start in range(0, len(every), APPENDED_AT_ONCE):
            batch = every[start : start + APPENDED_AT_ONCE]
            assert set((await write(database, *batch)).values()) == {"appended"}
    for each in made:
        await snapshots.store(database, each.project_id, each.between.head, snapshots.encode(each.between))


def _asked(number: int, seeded: int) -> list[Asked]:
    """What is asked in each, drawn at random."""
    drawn: list[Asked] = []

    @seed(seeded)
    @settings(
        max_examples=number, database=None, phases=[Phase.generate], deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.lists(asks(), min_size=COMMANDS[0], max_size=COMMANDS[1]))
    def draw(asked: Asked) -> None:
        drawn.append(asked)

    draw()
    return (drawn * number)[:number]  # it may give up on new ones a little before


def _history(world: uuid.UUID, asked: Asked) -> History:
    project = initial(str(world))
    begun: Asked = [(c.CreateProject("Garden"), OWNER), *((renamed(each, world), OWNER) for each in opening())]
    project, first = _decided(project, begun, world)
    _, second = _decided(project, [(renamed(command, world), actor) for command, actor in asked], world)
    return History(
        project.project_id,
        Writes(project.project_id, 0, first),
        Writes(project.project_id, project.head, second),
        project,
    )


def _decided(project: Project, asked: Asked, world: uuid.UUID) -> tuple[Project, list[Decided]]:
    decided: list[Decided] = []
    for nth, (command, actor) in enumerate(asked):
        at = (BEGAN + timedelta(seconds=project.head)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            events = decide(command, project, actor, at)
        except Refused:
            continue
        command_id = str(uuid.uuid5(world, f"command {project.head} {nth}"))
        recorded = e.record(project.project_id, project.head, actor.user_id, command_id, at, events)
        project = fold(project, recorded)
        decided.append(Decided(command_id, actor.user_id, b"digest", at, project.head, recorded))
    return project, decided
