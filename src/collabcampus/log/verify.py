"""The audit: the log against itself, and each kept read model against the log."""

from typing import Any

from msgspec import Struct

from collabcampus.domain.events import EVENT_TYPES
from collabcampus.log import purging, redaction
from collabcampus.log.database import Connection

_POSITIONS = """
    SELECT project_id, format('head %s, %s events up to %s', h.position, count(e.position), max(e.position))
    FROM heads AS h FULL JOIN events AS e USING (project_id)
    GROUP BY project_id, h.position
    HAVING coalesce(h.position, 0) <> count(e.position) OR count(e.position) <> coalesce(max(e.position), 0)
"""

_CHAIN = """
    SELECT project_id, 'position ' || position || ' does not follow from its predecessor' FROM (
        SELECT *, coalesce(lag(hash) OVER (PARTITION BY project_id ORDER BY position), genesis()) AS link
        FROM events) AS e
    WHERE hash <> sha256(link || leaf(project_id, position, type, key, actor, command_id, at, digest))
       OR salt IS NOT NULL AND digest <> sha256(salt || convert_to(data::text, 'UTF8'))
    UNION ALL
    SELECT h.project_id, 'the head has another hash than its event'
    FROM heads AS h JOIN events AS e USING (project_id, position) WHERE h.hash <> e.hash
"""

_TYPES = "SELECT project_id, 'unknown event type ' || type FROM events WHERE type <> ALL (%s)"

KEPT = "project_id, key, position, since, row"
"""What every kept table has in common with its view; a projection may derive more from these."""

_TABLE = """
    SELECT project_id, format('%%s %%s differs from the log', '{0}', key) FROM (
        (SELECT {1} FROM {0} EXCEPT SELECT {1} FROM {0}_from_log)
        UNION (SELECT {1} FROM {0}_from_log EXCEPT SELECT {1} FROM {0})) AS differing
"""

_NAMES = "SELECT name FROM projections WHERE touched_by <> '{}' ORDER BY name"


class Finding(Struct, frozen=True, rename="camel"):
    """One thing that does not hold."""

    check: str
    project_id: str
    what: str


async def audit(connection: Connection) -> list[Finding]:
    """Everything in the log and its read models that does not hold, at one moment; empty when all holds."""
    kept = await (await connection.execute(_NAMES)).fetchall()
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await connection.execute("SET LOCAL statement_timeout = 0")
        # Before the moment is fixed: of a table that a rebuild swaps in after it, we would see nothing.
        for (name,) in kept:
            await connection.execute(f"LOCK TABLE {name} IN ACCESS SHARE MODE".encode())
        return await check_all(connection)


async def check_all(connection: Connection) -> list[Finding]:
    """The checks alone, inside a transaction of the caller's."""
    findings = await _check(connection, "positions", _POSITIONS)
    findings += await _check(connection, "chain", _CHAIN)
    findings += await _check(connection, "types", _TYPES, list(EVENT_TYPES))
    findings += await _check(connection, "redactions", redaction.UNACCOUNTED)
    findings += await _check(connection, "purged", purging.RISEN)
    names = await (await connection.execute(_NAMES)).fetchall()
    for (name,) in names:
        findings += await _check(connection, f"projection {name}", _TABLE.format(name, KEPT).replace("%%", "%"))
    return findings


async def _check(connection: Connection, name: str, query: str, *values: Any) -> list[Finding]:
    rows = await (await connection.execute(query.encode(), values or None)).fetchall()
    return [Finding(name, str(project_id), what) for project_id, what in rows]
