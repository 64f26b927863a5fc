"""The audit's checks in SQL: the log against itself, and each kept read model against its view of the log.

A check is one statement that reads, and gives a row for each project in which it fails: the project and what differs.
It names the first place and how many more there are, so that a log damaged throughout is told of in bounded words.
"""

from collections.abc import Callable

from msgspec import Struct

from collabcampus.domain.events import EVENT_TYPES
from collabcampus.domain.project import FOLD_VERSION

PARTITIONS = """
    WITH part AS (
        SELECT c.relname, has_table_privilege(c.oid, 'SELECT') AS readable
        FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'events'::regclass)
    SELECT relname FROM part WHERE (SELECT bool_and(readable) FROM part)
    UNION ALL SELECT 'events' WHERE (SELECT bool_and(readable) FROM part) IS NOT TRUE
"""
"""The tables to read the log from: those that it is in, or, for who may not read them by themselves, the whole."""
KEPT = "SELECT name FROM projections WHERE touched_by <> '{}' ORDER BY name"
"""The read models that have a table."""


NO_PROJECT = "-"
"""Stands for the project where something is in none."""


class Finding(Struct, frozen=True, rename="camel"):
    """One thing that does not hold: which check found it, in which project (NO_PROJECT where in none), what it is."""

    check: str
    project_id: str
    what: str

    def __str__(self) -> str:
        return f"{self.project_id} {self.check}: {self.what}"


class Audited(Struct, frozen=True, rename="camel"):
    """What an audit looked at, what does not hold, and what is no damage: how many events are redacted, and how many
    projects were purged; and how many checkpoints it was held against."""

    projects: int
    events: int
    findings: list[Finding]
    redacted: int = 0
    purged: int = 0
    checkpoints: int = 0


class Progress(Struct):
    """How far an audit is: in its `checks` in SQL, and then in the fold of all `events`. A file has no checks."""

    events: int = 0
    checks: int = 0
    step: str = ""
    checked: int = 0
    folded: int = 0

    @property
    def total(self) -> int | None:
        """Events to look at, counted once for all checks and once for the fold; None where that is not known."""
        return 2 * self.events or None

    @property
    def done(self) -> int:
        """Those that were."""
        return self.folded + (self.events * self.checked // self.checks if self.checks else 0)


Told = Callable[[Progress], None]


class Check(Struct, frozen=True):
    """A statement; `of_one` is the same for one project alone, its parameter `project`, where an event that somebody
    wrote by hand may make the whole fail."""

    name: str
    query: str
    of_one: str | None = None


def _told(where: str) -> str:
    """One row a project out of many: `what` of the first, in the order of `where`, and how many more there are."""
    return (
        f"(array_agg(what ORDER BY {where}))[1]"
        " || CASE WHEN count(*) > 1 THEN ' (and ' || count(*) - 1 || ' more)' ELSE '' END"
    )


_CHAIN = """
    WITH e AS (
        SELECT e.project_id, e.position, e.hash,
               sha256(uuid_send(e.project_id) || int8send(e.position) || uuid_send(e.actor) || uuid_send(e.command_id)
                   || timestamptz_send(e.at) || e.digest
                   || int4send(octet_length(e.type)) || convert_to(e.type, 'UTF8') || convert_to(e.key, 'UTF8')
               ) AS leaf,
               e.digest <> sha256(e.salt || convert_to(e.data::text, 'UTF8')) AS edited
        FROM {part} AS e),
    linked AS (
        SELECT project_id, position, edited,
               position <> coalesce(lag(position) OVER w, 0) + 1 AS stray,
               hash <> sha256(coalesce(lag(hash) OVER w, genesis()) || leaf) AS broken
        FROM e WINDOW w AS (PARTITION BY project_id ORDER BY position)),
    differing AS (
        SELECT project_id, position, 'position ' || position || CASE
                   WHEN stray THEN ' does not come after a position 1 less'
                   WHEN broken THEN ' has not the hash of its envelope, digest and predecessor'
                   ELSE ' has other data than its digest is of' END AS what
        FROM linked WHERE stray OR broken OR edited)
    SELECT project_id, {first_position} FROM differing GROUP BY project_id
"""
"""Of what was redacted, whose salt is gone, `redaction.UNACCOUNTED` tells."""

_HEADS = """
    WITH counted AS (
        SELECT project_id, count(*) AS events, max(position) AS position FROM events GROUP BY project_id)
    SELECT project_id, format('the head is %s, the log has %s events up to %s',
                              coalesce(h.position::text, 'missing'), coalesce(c.events, 0), coalesce(c.position, 0))
    FROM heads AS h FULL JOIN counted AS c USING (project_id)
    WHERE h.project_id IS NULL OR h.position <> coalesce(c.events, 0) OR h.position <> coalesce(c.position, 0)
"""

_TIPS = """
    SELECT h.project_id, 'the head has another hash than the last event'
    FROM heads AS h LEFT JOIN events AS e USING (project_id, position)
    WHERE h.hash <> CASE WHEN h.position = 0 THEN genesis() ELSE e.hash END
"""

_TYPES = """
    SELECT project_id, 'unknown event type ' || min(type) FROM events
    WHERE type <> ALL (ARRAY[{known}]) GROUP BY project_id
"""

_ORIGINS = """
    WITH differing AS (
        SELECT e.project_id, e.position, 'position ' || e.position || CASE
                   WHEN c.command_id IS NULL THEN ' is of a command that is not there'
                   ELSE ' is none that its command made' END AS what
        FROM events AS e LEFT JOIN commands AS c
            ON c.project_id = e.project_id AND c.command_id = e.command_id
        WHERE c.command_id IS NULL OR e.actor <> c.actor OR e.at <> c.at
            OR e.position > c.position OR e.position <= c.position - c.events)
    SELECT project_id, {first_position} FROM differing GROUP BY project_id
"""
"""With `_ANSWERS`: each event is in its command's range and the ranges are together as long as the log, so every
command made what it says."""

_ANSWERS = """
    WITH answered AS (
        SELECT project_id, sum(events) AS events, max(position) AS position, min(position - events) AS least,
               min(events) AS fewest
        FROM commands GROUP BY project_id)
    SELECT project_id, format('the commands made %s events up to %s, the head is %s',
                              coalesce(a.events, 0), coalesce(a.position, 0), coalesce(h.position::text, 'missing'))
    FROM heads AS h FULL JOIN answered AS a USING (project_id)
    WHERE coalesce(h.position, -1) <> coalesce(a.events, 0) OR a.position > h.position OR a.least < 0 OR a.fewest < 0
"""

_FEED = """
    WITH differing AS (
        SELECT project_id, position, 'in the feed, position ' || position || ' comes before earlier ones' AS what
        FROM (SELECT project_id, position, xid, lag(xid) OVER (PARTITION BY project_id ORDER BY position) AS earlier
              FROM feed) AS f
        WHERE xid < earlier)
    SELECT project_id, {first_position} FROM differing GROUP BY project_id
"""

_DIRECTORY = """
    WITH made AS (SELECT DISTINCT project_id, key FROM events WHERE type = 'TaskCreated'),
    differing AS (
        SELECT coalesce(m.project_id, d.project_id) AS project_id, coalesce(m.key, d.id::text) AS key,
               CASE WHEN d.id IS NULL THEN 'task ' || m.key || ' is not in the directory'
                    ELSE 'the directory has a task ' || d.id || ' that was never made here' END AS what
        FROM made AS m FULL JOIN directory AS d ON d.project_id = m.project_id AND d.id::text = m.key
        WHERE d.id IS NULL
            OR m.key IS NULL AND NOT EXISTS (SELECT FROM purged AS p WHERE p.project_id = d.project_id))
    SELECT project_id, {first_key} FROM differing GROUP BY project_id
"""

_SNAPSHOTS = """
    SELECT project_id, 'the stored snapshot is of position ' || s.position || ', beyond the head'
    FROM snapshots AS s LEFT JOIN heads AS h USING (project_id)
    WHERE s.fold_version = {fold_version} AND s.position > coalesce(h.position, 0)
"""

_OF_THE_LOG = (
    ("positions", _HEADS),
    ("types", _TYPES),
    ("commands", _ORIGINS),
    ("commands", _ANSWERS),
    ("feed", _FEED),
    ("directory", _DIRECTORY),
    ("snapshot", _SNAPSHOTS),
)

_TABLE = """
    WITH differing AS (
        SELECT project_id, key, '{name} ' || key || CASE
                   WHEN t.position IS NULL THEN ' is missing'
                   WHEN v.position IS NULL THEN ' is nothing that the log has'
                   ELSE ' differs from the log' END AS what
        FROM (SELECT * FROM {name}{where}) AS t FULL JOIN (SELECT * FROM {name}_from_log{where}) AS v
            USING (project_id, key)
        WHERE (t.position, t.since, t.row) IS DISTINCT FROM (v.position, v.since, v.row))
    SELECT project_id, {first_key} FROM differing GROUP BY project_id
"""
"""Of what every kept table has in common with its view; a projection may derive more columns from these."""


def _filled(template: str, **values: str) -> str:
    return template.format(
        first_position=_told("position"),
        first_key=_told("key"),
        fold_version=FOLD_VERSION,
        known=", ".join(f"'{each}'" for each in EVENT_TYPES),
        **values,
    )


def log_checks(partitions: list[str]) -> list[Check]:
    """The log against itself; the chain is one check for each of its partitions."""
    return [
        *(Check("chain", _filled(_CHAIN, part=part)) for part in partitions),
        Check("chain", _TIPS),
        *(Check(name, _filled(template)) for name, template in _OF_THE_LOG),
    ]


def table_check(name: str) -> Check:
    """A kept table against its view."""
    whole, one = (_filled(_TABLE, name=name, where=where) for where in ("", " WHERE project_id = %(project)s::uuid"))
    return Check(f"projection {name}", whole, of_one=one)
