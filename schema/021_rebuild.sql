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
    indexes text[]
);
COMMENT ON COLUMN rebuilds.indexes IS 'how to make what is made after the fill; null once it is made';

CREATE TABLE rebuilt_parts (
    name text NOT NULL REFERENCES rebuilds ON DELETE CASCADE,
    part integer NOT NULL,
    seen pg_snapshot NOT NULL,
    PRIMARY KEY (name, part)
);
COMMENT ON COLUMN rebuilt_parts.seen IS 'the new table holds what these transactions wrote to the partition events_<part>';

-- What a projection file calls where the schema `rebuilding` comes first: the table and the view, empty, kept by nobody.
CREATE PROCEDURE rebuilding.keep_projection(name text, touched_by text[], ended_by text[], changes text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE rebuilding.%I (project_id uuid NOT NULL, key text NOT NULL, position bigint NOT NULL,
                    since bigint NOT NULL, row jsonb NOT NULL, PRIMARY KEY (project_id, key))
                    WITH (fillfactor = 80)', name);
    EXECUTE format('CREATE VIEW rebuilding.%I AS %s', name || '_from_log',
                   public.lives_sql(public.change_sql('public.event', touched_by, changes), ended_by));
    EXECUTE format('GRANT SELECT ON rebuilding.%I, rebuilding.%I TO collabcampus_app', name, name || '_from_log');
    INSERT INTO public.rebuilds (name, touched_by, ended_by, changes) VALUES (name, touched_by, ended_by, changes);
END $$;

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

-- One partition of the log, as this transaction sees it: to be called under REPEATABLE READ.
CREATE PROCEDURE rebuild_fill(name text, part integer) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE (SELECT format('INSERT INTO rebuilding.%I (project_id, key, position, since, row) %s', r.name,
        lives_sql(change_sql(format($sql$(
            SELECT e.project_id, e.position, e.type, e.key, e.data::jsonb AS data, e.actor,
                   to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
            FROM events_%s AS e) AS happened$sql$, part), r.touched_by, r.changes), r.ended_by))
        FROM rebuilds AS r WHERE r.name = rebuild_fill.name);
    INSERT INTO rebuilt_parts (name, part, seen) VALUES (name, part, pg_current_snapshot());
END $$;

-- What was appended since, merged as `keep` merges it: to be called under REPEATABLE READ, or while nobody appends.
-- What was not seen is little, whatever the planner thinks of it: it is looked up and nothing else is read.
CREATE PROCEDURE rebuild_catch_up(name text) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    r rebuilds := (SELECT r FROM rebuilds AS r WHERE r.name = rebuild_catch_up.name);
    behind record;
    change text;
BEGIN
    FOR behind IN SELECT p.seen::text::pg_snapshot AS seen, array_agg(format('events_%s', p.part)::regclass::oid) AS tables
                  FROM rebuilt_parts AS p WHERE p.name = r.name GROUP BY p.seen::text LOOP
        change := change_sql(format($sql$(
            SELECT e.project_id, e.position, e.type, e.key, e.data::jsonb AS data, e.actor,
                   to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
            FROM feed AS f JOIN events AS e
                ON e.project_id = f.project_id AND e.position BETWEEN f.position - f.events + 1 AND f.position
            WHERE f.xid >= %L::xid8 AND NOT pg_visible_in_snapshot(f.xid, %L) AND e.tableoid = ANY (%L::oid[])
            ) AS happened$sql$, pg_snapshot_xmin(behind.seen), behind.seen, behind.tables), r.touched_by, r.changes);
        EXECUTE format($sql$
            DELETE FROM rebuilding.%1$I AS old USING (%2$s) AS change
            WHERE change.type = ANY (%3$L::text[]) AND old.project_id = change.project_id AND old.key = change.key
            $sql$, r.name, change, r.ended_by);
        EXECUTE format($sql$
            INSERT INTO rebuilding.%1$I AS old (project_id, key, position, since, row) %2$s
            ON CONFLICT (project_id, key) DO UPDATE SET position = excluded.position, row = old.row || excluded.row
            $sql$, r.name, lives_sql(change, r.ended_by));
    END LOOP;
    UPDATE rebuilt_parts AS p SET seen = pg_current_snapshot() WHERE p.name = r.name;
END $$;

-- Whether the new table, just caught up with under REPEATABLE READ, holds what its view shows at the same moment.
CREATE FUNCTION rebuild_agrees(name text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    agrees boolean;
BEGIN
    EXECUTE format($sql$
        SELECT count(*) FILTER (WHERE made) = count(*) FILTER (WHERE NOT made)
           AND coalesce(bit_xor(hash_record_extended(ROW (project_id, key, position, since, row), 0)), 0) = 0
        FROM (SELECT true AS made, project_id, key, position, since, row FROM rebuilding.%1$I
              UNION ALL SELECT false, project_id, key, position, since, row FROM rebuilding.%2$I) AS compared
        $sql$, name, name || '_from_log') INTO agrees;
    RETURN agrees;
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
