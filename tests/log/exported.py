"""Databases to export from and to import into, and what it means that two hold the same."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from collabcampus.app import fresh_id
from collabcampus.domain import events as e
from collabcampus.log.database import Database
from conftest import TEMPLATE
from domain.test_events import STORED
from log.writing import Command, begun, said, write, writes

TABLES = ("heads", "events", "directory", "redactions")
PROJECTIONS = "SELECT name FROM projections WHERE touched_by <> '{}' ORDER BY name"
ANSWERS = "SELECT project_id, command_id, actor, digest, position, events, at FROM commands ORDER BY 1, 2"
FEED = "SELECT project_id, position, events FROM feed ORDER BY 1, 2"

Rows = list[tuple[Any, ...]]


@contextmanager
def elsewhere(cluster: str) -> Iterator[str]:
    """Another fresh database."""
    name = f"e{uuid.uuid4().hex}"
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(TEMPLATE))
        )
        yield make_conninfo(**{**conninfo_to_dict(cluster), "dbname": name})
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


async def everything(database: Database, count: int = 3) -> list[str]:
    """Projects with an event of every type in each, a command that changed nothing, and one with many events."""
    made = []
    for _ in range(count):
        task, project_id = fresh_id(), fresh_id()
        # Each example, of one project and one task that is made once; what ends something comes last.
        ours = {'"p"': f'"{project_id}"', '"t"': f'"{task}"', ',"u":"a1"': ""}
        happened = [e.decode_event(type(event).__name__, _replaced(text, ours)) for event, text in STORED]
        created = [each for each in happened if isinstance(each, e.TaskCreated)]
        happened = sorted((each for each in happened if each not in created[1:]), key=_ends)
        await write(database, begun(project_id, *happened[:3]))
        head = 4
        for each in happened[3:]:
            await write(database, writes(project_id, head, Command([each]), Command([])))
            head += 1
        await write(database, writes(project_id, head, said('zwölf \u2028 "quoted" \\ 🌱')))
        made.append(project_id)
    return sorted(made)


def _replaced(text: str, others: dict[str, str]) -> str:
    for old, new in others.items():
        text = text.replace(old, new)
    return text


def _ends(event: e.Event) -> int:
    name = type(event).__name__
    return 2 if name == "TaskDeleted" else name.endswith(("Deleted", "Removed", "Revoked"))


def held(conninfo: str) -> dict[str, Rows]:
    """All that an import has to bring back: the log, the answers, the feed's order, and every read model."""
    with psycopg.connect(conninfo) as connection:
        names = [name for (name,) in connection.execute(PROJECTIONS)]
        return {
            "answers": connection.execute(ANSWERS).fetchall(),
            "feed": connection.execute(FEED).fetchall(),
            **{
                name: sorted(connection.execute(f"SELECT t::text FROM {name} AS t".encode()).fetchall())
                for name in (*TABLES, *names)
            },
        }
