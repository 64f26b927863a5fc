"""What somebody may do to a log who may do anything in its database: with the triggers off, attack by attack.

In the statements, `p` is the project and `n` a position of it, not the last one.
"""

from collections.abc import Callable
from random import Random
from typing import Any

import psycopg
from msgspec import Struct, structs
from psycopg import sql

from collabcampus.domain.events import EVENT_TYPES
from collabcampus.log import checks, snapshots

Owner = psycopg.Connection[tuple[Any, ...]]

ELSEWHERE = "00000000-0000-4000-8000-000000000000"
"""A project that is not there."""

TOOLS = """
    CREATE FUNCTION pg_temp.forged(data json) RETURNS json LANGUAGE sql AS $$
        SELECT CASE WHEN other = data::text THEN data::text || ' ' ELSE other END::json FROM regexp_replace(
            data::text, '("(title|text|name|description|status|rank)":"[^"\\\\]*)"', '\\1 forged"') AS other
    $$;

    CREATE FUNCTION pg_temp.shift(p uuid, after bigint, way bigint) RETURNS void LANGUAGE sql AS $$
        UPDATE events SET position = position + 1000000 WHERE project_id = p AND position > after;
        UPDATE events SET position = position - 1000000 + way WHERE project_id = p AND position > 1000000;
    $$;

    CREATE FUNCTION pg_temp.put_head(p uuid) RETURNS void LANGUAGE sql AS $$
        UPDATE heads AS h SET position = e.position, hash = e.hash
        FROM (SELECT * FROM events WHERE project_id = p ORDER BY position DESC LIMIT 1) AS e WHERE h.project_id = p;
    $$;

    CREATE FUNCTION pg_temp.recompute(p uuid) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        e record;
        link bytea := genesis();
    BEGIN
        UPDATE events SET digest = sha256(salt || convert_to(data::text, 'UTF8')) WHERE project_id = p;
        FOR e IN SELECT * FROM events WHERE project_id = p ORDER BY position LOOP
            link := sha256(
                link || leaf(e.project_id, e.position, e.type, e.key, e.actor, e.command_id, e.at, e.digest));
            UPDATE events SET hash = link WHERE project_id = p AND position = e.position;
        END LOOP;
        PERFORM pg_temp.put_head(p);
    END $$;

    CREATE FUNCTION pg_temp.redacted(p uuid, n bigint) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        words text := (SELECT pg_temp.forged(data)::text FROM events WHERE project_id = p AND position = n);
    BEGIN
        CALL redact(p, n, words, 'as it ought to be done');
        CALL show_redacted(p);
    END $$;

    CREATE FUNCTION pg_temp.settle(p uuid) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        kept text;
    BEGIN
        DELETE FROM commands AS c WHERE c.project_id = p
            AND c.position > coalesce((SELECT max(position) FROM events WHERE project_id = p), 0);
        DELETE FROM directory AS d WHERE d.project_id = p
            AND NOT EXISTS (SELECT FROM events WHERE project_id = p AND type = 'TaskCreated' AND key = d.id::text);
        DELETE FROM snapshots WHERE project_id = p;
        FOR kept IN SELECT name FROM projections WHERE touched_by <> '{}' LOOP
            EXECUTE format('DELETE FROM %I WHERE project_id = %L', kept, p);
            EXECUTE format('INSERT INTO %I (project_id, key, position, since, row)
                            SELECT project_id, key, position, since, row FROM %I WHERE project_id = %L',
                           kept, kept || '_from_log', p);
        END LOOP;
    END $$;
"""

_COPY = """
    INSERT INTO events SELECT project_id, {position}, type, key, data, actor, {command}, at, salt, digest, hash
    FROM events WHERE project_id = %(p)s AND position = %(n)s
"""
_THIS = "WHERE project_id = %(p)s AND position = %(n)s"

IN_THE_LOG = {
    "a value in the data": f"UPDATE events SET data = pg_temp.forged(data) {_THIS}",
    "a blank in the data": f"UPDATE events SET data = (data::text || ' ')::json {_THIS}",
    "the actor": f"UPDATE events SET actor = gen_random_uuid() {_THIS}",
    "the time": f"UPDATE events SET at = at + interval '1 millisecond' {_THIS}",
    "the type": f"UPDATE events SET type = %(type)s {_THIS}",
    "the key": f"UPDATE events SET key = gen_random_uuid()::text {_THIS}",
    "the command": f"UPDATE events SET command_id = gen_random_uuid() {_THIS}",
    "the salt": f"UPDATE events SET salt = sha256(salt) {_THIS}",
    "a deletion": f"DELETE FROM events {_THIS}; SELECT pg_temp.shift(%(p)s, %(n)s, -1)",
    "an insertion": "SELECT pg_temp.shift(%(p)s, %(n)s, 1);"
    + _COPY.format(position="position + 1", command="gen_random_uuid()"),
    "an insertion into a command": "SELECT pg_temp.shift(%(p)s, %(n)s, 1);"
    + _COPY.format(position="position + 1", command="command_id"),
    "an insertion at the end": _COPY.format(position="%(head)s + 1", command="gen_random_uuid()"),
    "a swap": """
        UPDATE events SET position = position + 1000000 WHERE project_id = %(p)s AND position IN (%(n)s, %(n)s + 1);
        UPDATE events SET position = 2 * %(n)s + 1 - (position - 1000000)
        WHERE project_id = %(p)s AND position > 1000000""",
    "a truncation": "DELETE FROM events WHERE project_id = %(p)s AND position > %(n)s",
}  # fmt: skip
"""Each is tried with the hashes left alone, and with digests, hashes and head computed anew."""

UNCHAINED = {
    "a hole": f"DELETE FROM events {_THIS}",
    "no salt": f"UPDATE events SET salt = NULL {_THIS}",
    "the digest": f"UPDATE events SET digest = sha256(digest) {_THIS}",
    "the hash": f"UPDATE events SET hash = sha256(hash) {_THIS}",
    "a truncation, the head to match": "DELETE FROM events WHERE project_id = %(p)s AND position > %(n)s;"
    "SELECT pg_temp.put_head(%(p)s)",
    "the head's position": "UPDATE heads SET position = position + 1 WHERE project_id = %(p)s",
    "the head's hash": "UPDATE heads SET hash = sha256(hash) WHERE project_id = %(p)s",
    "no head": "DELETE FROM heads WHERE project_id = %(p)s",
    "a command's actor": "UPDATE commands SET actor = gen_random_uuid() WHERE project_id = %(p)s AND events > 0",
    "a command's count": "UPDATE commands SET events = events + 1 WHERE project_id = %(p)s",
    "a command's position": "UPDATE commands SET position = position + 1 WHERE project_id = %(p)s AND events > 0",
    "no commands": "DELETE FROM commands WHERE project_id = %(p)s AND events > 0",
    "a command that made nothing": """
        INSERT INTO commands (project_id, command_id, actor, digest, position, events, at)
        VALUES (%(p)s, gen_random_uuid(), gen_random_uuid(), '', %(head)s, 1, now())""",
    "the feed's order": """
        UPDATE commands SET xid = '1' WHERE project_id = %(p)s AND position = %(head)s AND events > 0""",
    "a redaction unsaid": f"UPDATE events SET data = pg_temp.forged(data), salt = NULL {_THIS}",
    "a redaction said alone": """
        INSERT INTO redactions SELECT project_id, position, 1, %(head)s, now(), 'me', 'for no reason', digest
        FROM events WHERE project_id = %(p)s AND position = %(n)s""",
    "a redaction forgotten": "SELECT pg_temp.redacted(%(p)s, %(n)s); DELETE FROM redactions WHERE project_id = %(p)s",
    "a redacted event edited": f"SELECT pg_temp.redacted(%(p)s, %(n)s);"
    f"UPDATE events SET data = pg_temp.forged(data) {_THIS}",
    "no task in the directory": "DELETE FROM directory WHERE project_id = %(p)s",
    "a task in another project": f"UPDATE directory SET project_id = '{ELSEWHERE}' WHERE project_id = %(p)s",
}
"""What leaves the hashes of events alone, or breaks one."""

BEHIND_THE_CHECKPOINT = {
    "a value in the data, everything made to match": f"UPDATE events SET data = pg_temp.forged(data) {_THIS};"
    "SELECT pg_temp.recompute(%(p)s); SELECT pg_temp.settle(%(p)s)",
    "a project put back": "DELETE FROM events WHERE project_id = %(p)s AND position > %(whole)s;"
    "SELECT pg_temp.put_head(%(p)s); SELECT pg_temp.settle(%(p)s)",
    "a project gone": "DELETE FROM events WHERE project_id = %(p)s; DELETE FROM heads WHERE project_id = %(p)s;"
    "DELETE FROM commands WHERE project_id = %(p)s; SELECT pg_temp.settle(%(p)s)",
}
"""What leaves everything in the database as it would be without the attack having been one."""

IN_A_TABLE = {
    "edited": "UPDATE {table} SET row = row || '{{\"forged\": true}}' WHERE project_id = %(p)s AND key = %(key)s",
    "moved": "UPDATE {table} SET since = since + 1 WHERE project_id = %(p)s AND key = %(key)s",
    "missing": "DELETE FROM {table} WHERE project_id = %(p)s AND key = %(key)s",
    "extra": "INSERT INTO {table} (project_id, key, position, since, row) SELECT project_id, gen_random_uuid()::text,"
    " position, since, row FROM {table} WHERE project_id = %(p)s AND key = %(key)s",
}


class Victim(Struct, frozen=True):
    """A project; `whole` is a position at which a command ended, before the head."""

    project_id: str
    head: int
    whole: int


Attack = Callable[[Owner, Victim, Random], None]


class Kind(Struct, frozen=True):
    """An attack by its name; `by_itself`: the log and its read models tell of it, without any checkpoint."""

    name: str
    attack: Attack
    by_itself: bool


def kinds() -> list[Kind]:
    """All of them."""
    return [
        *(Kind(name, _statements(query), True) for name, query in (IN_THE_LOG | UNCHAINED).items()),
        *(
            Kind(
                f"{name}, later hashes computed anew", _statements(f"{query}; SELECT pg_temp.recompute(%(p)s)"), False
            )
            for name, query in IN_THE_LOG.items()
        ),
        *(Kind(name, _statements(query), False) for name, query in BEHIND_THE_CHECKPOINT.items()),
        *(Kind(f"a row of a read model {name}", _in_a_table(query), True) for name, query in IN_A_TABLE.items()),
        Kind("a stored snapshot edited", _snapshot, True),
        Kind("a stored snapshot cut short", _cut_snapshot, True),
    ]


def unlock(owner: Owner) -> None:
    """Switch off what keeps the log from being edited."""
    parts = [part for (part,) in owner.execute(checks.PARTITIONS)]
    for part in ("events", "redactions", *parts):
        owner.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier(part)))
    owner.execute(TOOLS)


def redact(owner: Owner, victim: Victim, random: Random) -> None:
    """What is no attack."""
    owner.execute("SELECT pg_temp.redacted(%s, %s)", (victim.project_id, random.randrange(1, victim.head)))


def _statements(query: str) -> Attack:
    def attack(owner: Owner, victim: Victim, random: Random) -> None:
        n = random.randrange(1, victim.head)
        known = _type(owner, victim, n)
        types = [each for each in EVENT_TYPES if each != known]
        values = {"p": victim.project_id, "n": n, "head": victim.head, "whole": victim.whole}
        for each in query.split(";"):
            owner.execute(each.encode(), {**values, "type": random.choice(types)})

    return attack


def _type(owner: Owner, victim: Victim, n: int) -> str:
    query = "SELECT type FROM events WHERE project_id = %s AND position = %s"
    rows = owner.execute(query, (victim.project_id, n)).fetchall()
    return str(rows[0][0])


def _in_a_table(query: str) -> Attack:
    def attack(owner: Owner, victim: Victim, random: Random) -> None:
        there = [
            (name, key)
            for (name,) in owner.execute(checks.KEPT).fetchall()
            for (key,) in owner.execute(
                f"SELECT key FROM {name} WHERE project_id = %s ORDER BY key".encode(), (victim.project_id,)
            ).fetchall()
        ]
        table, key = random.choice(there)
        owner.execute(query.format(table=table).encode(), {"p": victim.project_id, "key": key})

    return attack


def _snapshot(owner: Owner, victim: Victim, _: Random) -> None:
    state = snapshots.decode(_stored(owner, victim))
    _store(owner, victim, snapshots.encode(structs.replace(state, name="Forged")))


def _cut_snapshot(owner: Owner, victim: Victim, random: Random) -> None:
    state = _stored(owner, victim)
    _store(owner, victim, state[: random.randrange(len(state))])


def _stored(owner: Owner, victim: Victim) -> bytes:
    rows = owner.execute("SELECT state FROM snapshots WHERE project_id = %s", (victim.project_id,)).fetchall()
    return bytes(rows[0][0])


def _store(owner: Owner, victim: Victim, state: bytes) -> None:
    owner.execute("UPDATE snapshots SET state = %s WHERE project_id = %s", (state, victim.project_id))
