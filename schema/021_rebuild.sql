-- Rebuilding a read model beside the one in service. The new table stands in a schema of its own under its own name,
-- so that the projection file makes it as it makes any (indexes, generated columns), and the swap is a move.
--
-- Why nothing is lost and nothing deleted comes back: while it is rebuilt, nobody but the rebuild writes the new table.
-- Each part of the log is filled from one snapshot, which is kept beside it. A catch-up takes, under a later snapshot,
-- the events of exactly those transactions that the earlier one did not see, merges them as the append would, and keeps
-- the later one. A project's transactions commit in the order of its positions (each holds the head's row until
-- it ends), so what a snapshot does not see of a project comes after all that it sees: an ending is always merged
-- after what it ends. The last catch-up holds the lock that the append needs to move a head, and moves the table into
-- service in the same transaction. An append moves its heads before it keeps its read models: either it had ended and
-- the last catch-up sees it, or it waits and keeps the new table.

CREATE SCHEMA rebuilding;

CREATE TABLE rebuilds (
    name text PRIMARY KEY,
    sha256 bytea,
    touched_by text[] NOT NULL,
    ended_by text[] NOT NULL,
    changes text NOT NULL,
    superseded text[] NOT NULL,
    indexes text[]
);
COMMENT ON COLUMN rebuilds.superseded IS
    'types that begin no row and whose every patch sets the same fields: a row''s last of them says all they said';
COMMENT ON COLUMN rebuilds.indexes IS 'how to make what is made after the fill; null once it is made';

CREATE TABLE rebuilt_parts (
    name text NOT NULL REFERENCES rebuilds ON DELETE CASCADE,
    part integer NOT NULL,
    seen pg_snapshot NOT NULL,
    PRIMARY KEY (name, part)
);
COMMENT ON COLUMN rebuilt_parts.seen IS 'the new table holds what these transactions wrote to the partition events_<part>';

-- What a projection file calls that says what is superseded. Only a rebuild gains by it: the view shows the whole log.
CREATE PROCEDURE keep_projection(name text, touched_by text[], ended_by text[], changes text, superseded text[])
LANGUAGE sql AS $$ CALL public.keep_projection(name, touched_by, ended_by, changes) $$;

-- The same where the schema `rebuilding` comes first: the table and the view, empty, kept by nobody.
CREATE PROCEDURE rebuilding.keep_projection(
    name text, touched_by text[], ended_by text[], changes text, superseded text[]
) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE rebuilding.%I (project_id uuid NOT NULL, key text NOT NULL, position bigint NOT NULL,
                    since bigint NOT NULL, row jsonb NOT NULL, PRIMARY KEY (project_id, key))
                    WITH (fillfactor = 80)', name);
    EXECUTE format('CREATE VIEW rebuilding.%I AS %s', name || '_from_log',
                   public.lives_sql(public.change_sql('public.event', touched_by, changes), ended_by));
    EXECUTE format('GRANT SELECT ON rebuilding.%I, rebuilding.%I TO collabcampus_app', name, name || '_from_log');
    INSERT INTO public.rebuilds (name, touched_by, ended_by, changes, superseded)
    VALUES (name, touched_by, ended_by, changes, superseded);
END $$;
CREATE PROCEDURE rebuilding.keep_projection(name text, touched_by text[], ended_by text[], changes text)
LANGUAGE sql AS $$ CALL rebuilding.keep_projection(name, touched_by, ended_by, changes, '{}') $$;

-- A table is filled faster without its indexes: they are noted and dropped, the primary key too.
CREATE PROCEDURE rebuild_put_off_indexes(name text) LANGUAGE plpgsql AS $$
DECLARE
    made regclass := format('rebuilding.%I', name)::regclass;
    index record;
    put_off text[] := '{}';
BEGIN
    FOR index IN SELECT i.indexrelid::regclass AS called, pg_get_indexdef(i.indexrelid) AS definition
                 FROM pg_index AS i WHERE i.indrelid = made AND NOT i.indisprimary ORDER BY i.indexrelid LOOP
        put_off := put_off || index.definition;
        EXECUTE format('DROP INDEX %s', index.called);
    END LOOP;
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', made, name || '_pkey');
    UPDATE rebuilds AS r SET indexes = put_off WHERE r.name = rebuild_put_off_indexes.name;
END $$;

CREATE PROCEDURE rebuild_make_indexes(name text) LANGUAGE plpgsql AS $$
DECLARE
    definition text;
BEGIN
    EXECUTE format('ALTER TABLE rebuilding.%I ADD PRIMARY KEY (project_id, key)', name);
    FOR definition IN SELECT unnest(r.indexes) FROM rebuilds AS r WHERE r.name = rebuild_make_indexes.name LOOP
        EXECUTE definition;
    END LOOP;
    EXECUTE format('ANALYZE rebuilding.%I', name);
    UPDATE rebuilds AS r SET indexes = NULL WHERE r.name = rebuild_make_indexes.name;
END $$;

-- What these projections are touched by in the log or a partition of it, read and decoded once for all of them, without
-- what is superseded. In most logs that is nearly all: of a task's moves only the last one's data is ever looked at.
CREATE PROCEDURE rebuild_gather(names text[], source text) LANGUAGE plpgsql AS $$
DECLARE
    touching text[] := ARRAY(SELECT DISTINCT unnest(r.touched_by) FROM rebuilds AS r WHERE r.name = ANY (names));
    superseded text[] := ARRAY(
        SELECT t.type FROM unnest(touching) AS t(type)
        WHERE NOT EXISTS (SELECT FROM rebuilds AS r WHERE r.name = ANY (names)
                          AND t.type = ANY (r.touched_by) AND t.type <> ALL (r.superseded)));
BEGIN
    EXECUTE format($sql$
        CREATE TEMP TABLE last ON COMMIT DROP AS
        SELECT project_id, max(position) AS position FROM %I WHERE type = ANY (%L::text[]) GROUP BY project_id, type, key
        $sql$, source, superseded);
    ANALYZE last;  -- so that they are looked up where they are few
    EXECUTE format($sql$
        CREATE TEMP TABLE happened ON COMMIT DROP AS
        SELECT e.project_id, e.position, e.type, e.key, e.data::jsonb AS data, e.actor,
               to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
        FROM (
            SELECT * FROM %1$I WHERE type = ANY (%2$L::text[])
            UNION ALL
            SELECT e.* FROM pg_temp.last JOIN %1$I AS e USING (project_id, position)
        ) AS e $sql$, source, ARRAY(SELECT unnest(touching) EXCEPT SELECT unnest(superseded)));
END $$;

CREATE FUNCTION rebuild_lives(r rebuilds) RETURNS text LANGUAGE sql
RETURN lives_sql(change_sql('pg_temp.happened', r.touched_by, r.changes), r.ended_by);

-- One partition of the log, as this transaction sees it: to be called under REPEATABLE READ.
CREATE PROCEDURE rebuild_fill(names text[], part integer) LANGUAGE plpgsql AS $$
DECLARE
    r rebuilds;
BEGIN
    CALL rebuild_gather(names, 'events_' || part);
    FOR r IN SELECT * FROM rebuilds WHERE name = ANY (names) LOOP
        EXECUTE format('INSERT INTO rebuilding.%I (project_id, key, position, since, row) %s', r.name, rebuild_lives(r));
        INSERT INTO rebuilt_parts (name, part, seen) VALUES (r.name, part, pg_current_snapshot());
    END LOOP;
END $$;

-- What was appended since, merged as `keep` merges it: to be called under REPEATABLE READ, or while nobody appends.
-- What was not seen is little, whatever the planner thinks of it: it is looked up, in this order, and nothing else is read.
CREATE PROCEDURE rebuild_catch_up(name text) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    r rebuilds := (SELECT r FROM rebuilds AS r WHERE r.name = rebuild_catch_up.name);
    oldest xid8 := (SELECT pg_snapshot_xmin(p.seen) FROM rebuilt_parts AS p WHERE p.name = r.name ORDER BY 1 LIMIT 1);
    change text := change_sql(format($sql$(
        SELECT e.project_id, e.position, e.type, e.key, e.data::jsonb AS data, e.actor,
               to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
        FROM (SELECT * FROM feed WHERE xid >= %L::xid8 OFFSET 0) AS f
        CROSS JOIN LATERAL (
            SELECT *, tableoid AS partition FROM events
            WHERE project_id = f.project_id AND position BETWEEN f.position - f.events + 1 AND f.position OFFSET 0) AS e
        JOIN rebuilt_parts AS p ON p.name = %L AND e.partition = format('events_%%s', p.part)::regclass
        WHERE NOT pg_visible_in_snapshot(f.xid, p.seen)
        ) AS happened$sql$, oldest, r.name), r.touched_by, r.changes);
BEGIN
    EXECUTE format($sql$
        DELETE FROM rebuilding.%1$I AS old USING (%2$s) AS change
        WHERE change.type = ANY (%3$L::text[]) AND old.project_id = change.project_id AND old.key = change.key
        $sql$, r.name, change, r.ended_by);
    EXECUTE format($sql$
        INSERT INTO rebuilding.%1$I AS old (project_id, key, position, since, row) %2$s
        ON CONFLICT (project_id, key) DO UPDATE SET position = excluded.position, row = old.row || excluded.row
        $sql$, r.name, lives_sql(change, r.ended_by));
    UPDATE rebuilt_parts AS p SET seen = pg_current_snapshot() WHERE p.name = r.name;
END $$;

-- Those of the new tables that, caught up with the log under REPEATABLE READ, hold other than it at the same moment.
CREATE FUNCTION rebuild_differing(names text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    r rebuilds;
    agrees boolean;
BEGIN
    CALL rebuild_gather(names, 'events');
    FOR r IN SELECT * FROM rebuilds WHERE name = ANY (names) LOOP
        EXECUTE format($sql$
            SELECT count(*) FILTER (WHERE made) = count(*) FILTER (WHERE NOT made)
               AND coalesce(bit_xor(hash_record_extended(ROW (project_id, key, position, since, row), 0)), 0) = 0
            FROM (SELECT true AS made, project_id, key, position, since, row FROM rebuilding.%1$I
                  UNION ALL SELECT false, project_id, key, position, since, row FROM (%2$s) AS lives) AS compared
            $sql$, r.name, rebuild_lives(r)) INTO agrees;
        IF NOT agrees THEN
            RETURN NEXT r.name;
        END IF;
    END LOOP;
END $$;

-- The swap. What waits meanwhile, appends and readers of this table, waits for milliseconds.
CREATE PROCEDURE rebuild_adopt(name text) LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE heads IN SHARE ROW EXCLUSIVE MODE;
    CALL rebuild_catch_up(name);
    EXECUTE format('DROP VIEW IF EXISTS public.%I', name || '_from_log');
    EXECUTE format('DROP TABLE IF EXISTS public.%I', name);
    EXECUTE format('ALTER TABLE rebuilding.%I SET SCHEMA public', name);
    EXECUTE format('ALTER VIEW rebuilding.%I SET SCHEMA public', name || '_from_log');
    INSERT INTO projections AS p (name, touched_by, ended_by, changes, sha256)
    SELECT r.name, r.touched_by, r.ended_by, r.changes, r.sha256 FROM rebuilds AS r WHERE r.name = rebuild_adopt.name
    ON CONFLICT ON CONSTRAINT projections_pkey DO UPDATE
        SET touched_by = excluded.touched_by, ended_by = excluded.ended_by, changes = excluded.changes,
            sha256 = excluded.sha256;
    DELETE FROM rebuilds AS r WHERE r.name = rebuild_adopt.name;
    CALL write_keep();
END $$;

CREATE PROCEDURE rebuild_abandon(name text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP VIEW IF EXISTS rebuilding.%I', name || '_from_log');
    EXECUTE format('DROP TABLE IF EXISTS rebuilding.%I', name);
    DELETE FROM rebuilds AS r WHERE r.name = rebuild_abandon.name;
END $$;
