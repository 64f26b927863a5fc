-- The keeper of projections. A projection file says one thing, as a query over `event`: which key each event
-- touches, the flat patch it brings, and whether the row ends there. The keeper makes of it the table, the
-- merge for a batch, and the view <name>_from_log over the whole log.

CREATE TABLE projections (
    name text PRIMARY KEY,
    changes text NOT NULL,
    sha256 bytea
);

-- The shape `event` has in a projection's query.
CREATE VIEW event AS
    SELECT project_id, position, type, key, data::jsonb AS data, actor, at FROM events;

-- A row lives from the key's last ending on. `whole` holds, for each key touched, where that was, the merged
-- patch since, and whether anything came after it.
CREATE FUNCTION merged_sql(changes text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN format($sql$
    SELECT project_id, key, max(position) AS position,
           min(position) FILTER (WHERE position > ended) AS since,
           fold(patch ORDER BY position) FILTER (WHERE position > ended) AS row,
           max(ended) > 0 AS ended,
           count(*) FILTER (WHERE position > ended) > 0 AS lives
    FROM (SELECT project_id, key, position, patch,
                 coalesce(max(position) FILTER (WHERE ends) OVER (PARTITION BY project_id, key), 0) AS ended
          FROM (%s) AS change) AS marked
    GROUP BY project_id, key $sql$, changes);

-- One projection's part of `keep`: what ended is gone, what ended and came back is replaced, the rest merges.
CREATE FUNCTION merge_sql(name text, changes text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN format($sql$
    WITH event AS (
        SELECT * FROM unnest(keep.projects, keep.positions, keep.types, keep.keys, keep.datas, keep.actors, keep.ats)
            AS u(project_id, position, type, key, data, actor, at)),
    whole AS (%2$s),
    gone AS (
        DELETE FROM %1$I AS old USING whole AS w
        WHERE NOT w.lives AND old.project_id = w.project_id AND old.key = w.key),
    replaced AS (
        UPDATE %1$I AS old SET position = w.position, since = w.since, row = w.row FROM whole AS w
        WHERE w.ended AND w.lives AND old.project_id = w.project_id AND old.key = w.key)
    INSERT INTO %1$I AS old (project_id, key, position, since, row)
    SELECT w.project_id, w.key, w.position, w.since, w.row FROM whole AS w
    WHERE w.lives AND NOT (w.ended AND EXISTS (
        SELECT FROM %1$I AS x WHERE x.project_id = w.project_id AND x.key = w.key))
    ON CONFLICT (project_id, key) DO UPDATE
        SET position = excluded.position, row = old.row || excluded.row;
$sql$, name, merged_sql(changes));

-- Writes every projection's merge out as one static function: a dynamic EXECUTE would be planned each time.
CREATE PROCEDURE write_keep() LANGUAGE plpgsql AS $$
DECLARE
    merges text := (SELECT string_agg(merge_sql(p.name, p.changes), '' ORDER BY p.name) FROM projections AS p);
BEGIN
    -- Planning costs more than running, so plans are kept for good; and since the tables grow meanwhile, they may only
    -- use index lookups, which stay right at every size.
    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION keep(projects uuid[], positions bigint[], types text[], keys text[],
                                        datas jsonb[], actors uuid[], ats timestamptz[])
        RETURNS void LANGUAGE plpgsql
        SET plan_cache_mode = force_generic_plan
        SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
        AS $keep$ BEGIN %s END $keep$ $sql$, merges);
END $$;

CREATE FUNCTION fill_sql(name text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN format('INSERT INTO %1$I (project_id, key, position, since, row) '
              'SELECT project_id, key, position, since, row FROM %2$I', name, name || '_from_log');

-- Registers a projection, or makes it anew: drops what there was, fills from the log, then keeps it.
-- Appends wait meanwhile (attach after filling, and nothing in flight is lost).
CREATE PROCEDURE keep_projection(name text, changes text) LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE heads IN SHARE ROW EXCLUSIVE MODE;
    EXECUTE format('DROP VIEW IF EXISTS %I', name || '_from_log');
    EXECUTE format('DROP TABLE IF EXISTS %I', name);
    EXECUTE format('CREATE TABLE %I (project_id uuid NOT NULL, key text NOT NULL, position bigint NOT NULL,
                    since bigint NOT NULL, row jsonb NOT NULL, PRIMARY KEY (project_id, key))
                    WITH (fillfactor = 80)', name);
    EXECUTE format('CREATE VIEW %I AS SELECT project_id, key, position, since, row FROM (%s) AS whole WHERE lives',
                   name || '_from_log', merged_sql(changes));
    EXECUTE fill_sql(name);
    EXECUTE format('GRANT SELECT ON %I, %I TO collabcampus_app', name, name || '_from_log');
    INSERT INTO projections AS p (name, changes) VALUES (keep_projection.name, keep_projection.changes)
    ON CONFLICT ON CONSTRAINT projections_pkey DO UPDATE SET changes = excluded.changes, sha256 = NULL;
    CALL write_keep();
END $$;

CREATE PROCEDURE drop_projection(name text) LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE heads IN SHARE ROW EXCLUSIVE MODE;
    EXECUTE format('DROP VIEW IF EXISTS %I', name || '_from_log');
    EXECUTE format('DROP TABLE IF EXISTS %I', name);
    DELETE FROM projections AS p WHERE p.name = drop_projection.name;
    CALL write_keep();
END $$;

CALL write_keep();
