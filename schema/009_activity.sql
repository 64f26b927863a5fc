-- The history of one thing: of a task, with all that happened to its comments and its checklist.

-- What an event is about, for its history: the task of a comment, an item; otherwise its key.
CREATE FUNCTION thing(key text, data json) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(data ->> 'taskId', key);

CREATE INDEX events_by_thing ON events (project_id, thing(key, data), position);
-- Those are about many things: rare, and found without reading the rest.
CREATE INDEX events_of_rebalances ON events (project_id, position) WHERE type = 'ColumnRebalanced';

-- Registers a projection that is a view of the log: nothing is kept, nothing is rebuilt.
CREATE PROCEDURE show_projection(name text, shown text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP VIEW IF EXISTS %I', name);
    EXECUTE format('CREATE VIEW %I AS %s', name, shown);
    EXECUTE format('GRANT SELECT ON %I TO collabcampus_app', name);
    INSERT INTO projections AS p (name, touched_by, ended_by, changes) VALUES (show_projection.name, '{}', '{}', shown)
    ON CONFLICT ON CONSTRAINT projections_pkey DO UPDATE SET changes = excluded.changes, sha256 = NULL;
END $$;

CREATE OR REPLACE PROCEDURE drop_projection(name text) LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE heads IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM projections AS p WHERE p.name = drop_projection.name AND p.touched_by = '{}') THEN
        EXECUTE format('DROP VIEW IF EXISTS %I', name);
    ELSE
        EXECUTE format('DROP VIEW IF EXISTS %I', name || '_from_log');
        EXECUTE format('DROP TABLE IF EXISTS %I', name);
    END IF;
    DELETE FROM projections AS p WHERE p.name = drop_projection.name;
    CALL write_keep();
END $$;

-- As before, but for those that are views.
CREATE OR REPLACE PROCEDURE write_keep() LANGUAGE plpgsql AS $$
DECLARE
    merges text := (SELECT string_agg(merge_sql(p.name, p.touched_by, p.ended_by, p.changes), '' ORDER BY p.name)
                    FROM projections AS p WHERE p.touched_by <> '{}');
BEGIN
    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION keep(projects uuid[], positions bigint[], types text[], keys text[],
                                        datas text[], actors uuid[], times text[])
        RETURNS void LANGUAGE plpgsql AS $keep$
        #variable_conflict use_column
        BEGIN %s END $keep$ $sql$, merges);
    REVOKE ALL ON FUNCTION keep FROM PUBLIC;
END $$;
