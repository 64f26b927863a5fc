"""Making writes by hand, numbered as the append wants them."""

from collections.abc import Sequence

from msgspec import Struct, field

from collabcampus.app import fresh_id, now
from collabcampus.domain import events as e
from collabcampus.log.append import Decided, Outcome, Writes, append
from collabcampus.log.database import Database
from strategies import OWNER


class Command(Struct):
    """A command that made these events."""

    events: Sequence[e.Event]
    command_id: str = field(default_factory=fresh_id)
    digest: bytes = b"digest"
    actor: str = OWNER.user_id


def said(text: str = "Hello", command_id: str | None = None) -> Command:
    """A command that made one event."""
    return Command([e.MessageSent(fresh_id(), text)], command_id or fresh_id())


def writes(project_id: str, base: int, *commands: Command) -> Writes:
    """These commands in order, right after `base`."""
    head, decided = base, []
    for each in commands:
        at = now()
        recorded = e.record(project_id, head, each.actor, each.command_id, at, each.events)
        head += len(recorded)
        decided.append(Decided(each.command_id, each.actor, each.digest, at, head, recorded))
    return Writes(project_id, base, decided)


def begun(project_id: str, *events: e.Event) -> Writes:
    """A project's first command."""
    return writes(project_id, 0, Command([e.ProjectCreated(project_id, "Garden", "", ()), *events]))


async def write(database: Database, *batch: Writes) -> dict[str, Outcome]:
    """One append."""
    async with database.connection() as connection:
        return await append(connection, batch)
