-- The append and the keeper again, for batches: flat arrays in, few and plain statements, the hash chain in one
-- loop. Functions that PostgreSQL would not inline are written out where they are used per event.

-- What was kept is filled from the log again, by the projection files, in the same migration.
DO $$
DECLARE
    kept text;
BEGIN
    FOR kept IN SELECT p.name FROM projections AS p LOOP
        CALL drop_projection(kept);
    END LOOP;
END $$;
DROP FUNCTION append;
DROP FUNCTION keep;
DROP PROCEDURE keep_projection(text, text);
DROP PROCEDURE drop_projection(text);
DROP PROCEDURE write_keep();
DROP FUNCTION fill_sql(text);
DROP FUNCTION merge_sql(text, text);
DROP FUNCTION merged_sql(text);
DROP VIEW event;
ALTER TABLE projections
    ADD COLUMN touched_by text[] NOT NULL DEFAULT '{}',
    ADD COLUMN ended_by text[] NOT NULL DEFAULT '{}';

-- The transaction's number moves to what was answered: one row less to write for each project and transaction.
ALTER TABLE commands ADD COLUMN xid xid8;
UPDATE commands AS c SET xid = f.xid FROM feed AS f
WHERE f.project_id = c.project_id AND c.position > f.position - f.events AND c.position <= f.position;
UPDATE commands SET xid = '3' WHERE xid IS NULL;
ALTER TABLE commands ALTER COLUMN xid SET DEFAULT pg_current_xact_id(), ALTER COLUMN xid SET NOT NULL;
DROP TABLE feed;
CREATE INDEX commands_by_transaction ON commands (xid, project_id, position) WHERE events > 0;
CREATE VIEW feed AS SELECT project_id, position, events, xid FROM commands WHERE events > 0;

-- The shape `event` has in a projection's query; `at` reads as on the wire.
CREATE VIEW event AS
    SELECT project_id, position, type, key, data::jsonb AS data, actor,
           to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
    FROM events;

-- The events a projection is touched by, out of the log or out of a batch, under the name its query knows.
CREATE FUNCTION change_sql(source text, touched_by text[], changes text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN format('WITH event AS (SELECT * FROM %s WHERE type = ANY (%L::text[])) %s', source, touched_by, changes);

-- One row a key: what its patches since its last ending merge to. `ended_by` is empty where nothing can end.
CREATE FUNCTION lives_sql(change text, ended_by text[]) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE WHEN ended_by = '{}' THEN format($sql$
    SELECT project_id, key, max(position) AS position, min(position) AS since, fold(patch ORDER BY position) AS row
    FROM (%s) AS change GROUP BY project_id, key $sql$, change)
ELSE format($sql$
    SELECT project_id, key, max(position) AS position, min(position) AS since, fold(patch ORDER BY position) AS row
    FROM (SELECT project_id, key, position, patch,
                 coalesce(max(position) FILTER (WHERE type = ANY (%L::text[]))
                          OVER (PARTITION BY project_id, key), 0) AS ended
          FROM (%s) AS change) AS marked
    WHERE position > ended GROUP BY project_id, key $sql$, ended_by, change) END;

-- One projection's part of `keep`. A batch that touches it not costs a comparison of arrays; one that ends no row
-- is one plain merge. What ends is deleted first, so that a row that comes back begins anew.
CREATE FUNCTION merge_sql(name text, touched_by text[], ended_by text[], changes text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN (SELECT format($sql$
    IF types && %2$L::text[] THEN
        IF types && %3$L::text[] THEN
            DELETE FROM %1$I AS old USING (%4$s) AS change
            WHERE change.type = ANY (%3$L::text[]) AND old.project_id = change.project_id AND old.key = change.key;
            INSERT INTO %1$I AS old (project_id, key, position, since, row) %5$s
            ON CONFLICT (project_id, key) DO UPDATE SET position = excluded.position, row = old.row || excluded.row;
        ELSE
            INSERT INTO %1$I AS old (project_id, key, position, since, row) %6$s
            ON CONFLICT (project_id, key) DO UPDATE SET position = excluded.position, row = old.row || excluded.row;
        END IF;
    END IF;
$sql$, name, touched_by, ended_by, batch.change, lives_sql(batch.change, ended_by), lives_sql(batch.change, '{}'))
FROM (SELECT change_sql($sql$(SELECT u.project_id, u.position, u.type, u.key, u.data::jsonb AS data, u.actor, u.at
    FROM unnest(keep.projects, keep.positions, keep.types, keep.keys, keep.datas, keep.actors, keep.times)
        AS u(project_id, position, type, key, data, actor, at)) AS happened$sql$, touched_by, changes) AS change) AS batch);

-- Writes every projection's merge out as one static function: a dynamic EXECUTE would be planned each time.
CREATE PROCEDURE write_keep() LANGUAGE plpgsql AS $$
DECLARE
    merges text := (SELECT string_agg(merge_sql(p.name, p.touched_by, p.ended_by, p.changes), '' ORDER BY p.name)
                    FROM projections AS p);
BEGIN
    -- The append has the planner's settings that this needs.
    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION keep(projects uuid[], positions bigint[], types text[], keys text[],
                                        datas text[], actors uuid[], times text[])
        RETURNS void LANGUAGE plpgsql AS $keep$
        #variable_conflict use_column
        BEGIN %s END $keep$ $sql$, merges);
    REVOKE ALL ON FUNCTION keep FROM PUBLIC;
END $$;

-- Registers a projection, or makes it anew: drops what there was, fills from the log, then keeps it. `touched_by` are
-- the types of events it shows, `ended_by` those among them that end a row; `changes` gives for each such event
-- project_id, position, type, key and the flat patch it brings.
-- Appends wait meanwhile (attach after filling, and nothing in flight is lost).
CREATE PROCEDURE keep_projection(name text, touched_by text[], ended_by text[], changes text) LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE heads IN SHARE ROW EXCLUSIVE MODE;
    EXECUTE format('DROP VIEW IF EXISTS %I', name || '_from_log');
    EXECUTE format('DROP TABLE IF EXISTS %I', name);
    EXECUTE format('CREATE TABLE %I (project_id uuid NOT NULL, key text NOT NULL, position bigint NOT NULL,
                    since bigint NOT NULL, row jsonb NOT NULL, PRIMARY KEY (project_id, key))
                    WITH (fillfactor = 80)', name);
    EXECUTE format('CREATE VIEW %I AS %s', name || '_from_log',
                   lives_sql(change_sql('public.event', touched_by, changes), ended_by));
    EXECUTE format('INSERT INTO %1$I (project_id, key, position, since, row)
                    SELECT project_id, key, position, since, row FROM %2$I', name, name || '_from_log');
    EXECUTE format('GRANT SELECT ON %I, %I TO collabcampus_app', name, name || '_from_log');
    INSERT INTO projections AS p (name, touched_by, ended_by, changes)
    VALUES (keep_projection.name, keep_projection.touched_by, keep_projection.ended_by, keep_projection.changes)
    ON CONFLICT ON CONSTRAINT projections_pkey DO UPDATE
        SET touched_by = excluded.touched_by, ended_by = excluded.ended_by, changes = excluded.changes, sha256 = NULL;
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

-- The append: one round trip; commands and events of several projects in. Returned are only the projects of which
-- nothing was written, and why: `moved` (the project is elsewhere by now, or just being written), `repeated` (one of
-- its commandIds was answered before), `taken` (one of its new ids exists).
--
-- Arrays run in parallel. A project each: projects, bases (the position its commands were decided against). A command
-- each: c_*; c_positions is where the project stands after it, c_events how many events it made. An event each, the
-- projects in the order of `projects`, positions dense: e_*, types, keys, datas. An id that must be unique
-- everywhere each: new_*. Times are RFC 3339, UTC, with milliseconds.
CREATE FUNCTION append(
    projects uuid[], bases bigint[],
    c_projects uuid[], c_ids uuid[], c_actors uuid[], c_digests bytea[], c_positions bigint[], c_events integer[],
    c_times text[],
    e_projects uuid[], e_positions bigint[], types text[], keys text[], datas text[], e_actors uuid[],
    e_commands uuid[], e_times text[],
    new_ids uuid[], new_projects uuid[]
) RETURNS TABLE (project_id uuid, outcome text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
-- Planning costs more than running, so plans are kept for good; and since the tables grow meanwhile, they may only
-- use index lookups, which stay right at every size.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    locked uuid[];      -- the projects that are still where they were decided against, now held by us
    hashes bytea[];     -- and the hash each head has
    moved uuid[] := '{}';
    repeated uuid[] := '{}';
    taken uuid[] := '{}';
    refused uuid[] := '{}';
    -- Salts follow from a secret that is forgotten: one alone tells nothing of the others.
    seed bytea := uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid());
    salts bytea[] := '{}'; digests bytea[] := '{}'; links bytea[] := '{}';
    grown uuid[] := '{}'; heights bigint[] := '{}'; tips bytea[] := '{}';
    current uuid; height bigint; link bytea; salt bytea; digest bytea; nth integer;
    written bigint;
BEGIN
    IF 0 = ANY (bases) THEN
        INSERT INTO heads (project_id, position, hash)
        SELECT p.id, 0, genesis() FROM unnest(projects, bases) AS p(id, base) WHERE p.base = 0 ORDER BY p.id
        ON CONFLICT DO NOTHING;
    END IF;

    -- Who is held by another is skipped, so one busy project never stalls the others.
    SELECT array_agg(l.project_id), array_agg(l.hash) INTO locked, hashes FROM (
        SELECT h.project_id, h.hash FROM unnest(projects, bases) AS p(id, base)
        JOIN heads AS h ON h.project_id = p.id AND h.position = p.base
        FOR UPDATE OF h SKIP LOCKED) AS l;
    IF locked IS DISTINCT FROM projects THEN
        moved := ARRAY(SELECT p.id FROM unnest(projects) AS p(id) WHERE p.id = ANY (locked) IS NOT TRUE);
        refused := moved;
    END IF;

    IF new_ids <> '{}' THEN
        taken := ARRAY(SELECT DISTINCT n.project FROM unnest(new_ids, new_projects) AS n(id, project)
                       JOIN directory AS d ON d.id = n.id WHERE n.project <> ALL (refused));
        refused := refused || taken;
    END IF;

    INSERT INTO commands (project_id, command_id, actor, digest, position, events, at)
    SELECT c.project, c.id, c.actor, c.digest, c.position, c.events, c.at::timestamptz
    FROM unnest(c_projects, c_ids, c_actors, c_digests, c_positions, c_events, c_times)
        AS c(project, id, actor, digest, position, events, at)
    WHERE c.project <> ALL (refused)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written < (SELECT count(*) FROM unnest(c_projects) AS c(project) WHERE c.project <> ALL (refused)) THEN
        repeated := ARRAY(SELECT DISTINCT c.project FROM unnest(c_projects, c_ids) AS c(project, id)
                          JOIN commands AS k ON k.project_id = c.project AND k.command_id = c.id
                          WHERE k.xid <> pg_current_xact_id());
        -- One commandId twice in a batch is the same: its project is written nothing of.
        repeated := repeated || ARRAY(SELECT c.project FROM unnest(c_projects, c_ids) AS c(project, id)
                                      GROUP BY c.project, c.id HAVING count(*) > 1);
        DELETE FROM commands AS k USING unnest(c_projects, c_ids) AS c(project, id)
        WHERE k.project_id = c.project AND k.command_id = c.id AND c.project = ANY (repeated)
            AND k.xid = pg_current_xact_id();
        refused := refused || repeated;
        taken := ARRAY(SELECT t.project FROM unnest(taken) AS t(project) WHERE t.project <> ALL (repeated));
    END IF;

    FOR i IN 1 .. cardinality(e_projects) LOOP
        IF e_projects[i] IS DISTINCT FROM current THEN
            IF nth IS NOT NULL THEN
                grown := grown || current; heights := heights || height; tips := tips || link;
            END IF;
            current := e_projects[i];
            nth := array_position(locked, current);
            height := bases[array_position(projects, current)];
            link := hashes[nth];
        END IF;
        height := height + 1;
        IF e_positions[i] <> height THEN
            RAISE EXCEPTION 'position % of % does not follow', e_positions[i], current;
        END IF;
        salt := substr(sha256(seed || int4send(i)), 1, 16);
        digest := sha256(salt || convert_to(datas[i], 'UTF8'));
        -- As `leaf` has it.
        link := sha256(link || sha256(
            uuid_send(current) || int8send(height) || uuid_send(e_actors[i]) || uuid_send(e_commands[i])
            || timestamptz_send(e_times[i]::timestamptz(3)) || digest
            || int4send(octet_length(types[i])) || convert_to(types[i], 'UTF8') || convert_to(keys[i], 'UTF8')));
        salts[i] := salt; digests[i] := digest; links[i] := link;
    END LOOP;

    IF current IS NOT NULL THEN
        grown := grown || current; heights := heights || height; tips := tips || link;
        IF refused <> '{}' THEN -- rare: only what goes on is passed on
            SELECT coalesce(array_agg(e.project), '{}'), coalesce(array_agg(e.position), '{}'),
                   coalesce(array_agg(e.type), '{}'), coalesce(array_agg(e.key), '{}'),
                   coalesce(array_agg(e.data), '{}'), coalesce(array_agg(e.actor), '{}'),
                   coalesce(array_agg(e.command), '{}'), coalesce(array_agg(e.at), '{}'),
                   coalesce(array_agg(e.salt), '{}'), coalesce(array_agg(e.digest), '{}'),
                   coalesce(array_agg(e.hash), '{}')
            INTO e_projects, e_positions, types, keys, datas, e_actors, e_commands, e_times, salts, digests, links
            FROM unnest(e_projects, e_positions, types, keys, datas, e_actors, e_commands, e_times, salts, digests,
                        links) AS e(project, position, type, key, data, actor, command, at, salt, digest, hash)
            WHERE e.project <> ALL (refused);
        END IF;

        INSERT INTO events (project_id, position, type, key, data, actor, command_id, at, salt, digest, hash)
        SELECT e.project, e.position, e.type, e.key, e.data::json, e.actor, e.command, e.at::timestamptz, e.salt,
               e.digest, e.hash
        FROM unnest(e_projects, e_positions, types, keys, datas, e_actors, e_commands, e_times, salts, digests,
                    links) AS e(project, position, type, key, data, actor, command, at, salt, digest, hash);

        UPDATE heads AS h SET position = g.position, hash = g.hash
        FROM unnest(grown, heights, tips) AS g(id, position, hash)
        WHERE h.project_id = g.id AND g.id <> ALL (refused);

        IF new_ids <> '{}' THEN
            INSERT INTO directory (id, project_id)
            SELECT n.id, n.project FROM unnest(new_ids, new_projects) AS n(id, project)
            WHERE n.project <> ALL (refused) ORDER BY n.id
            ON CONFLICT DO NOTHING;
            GET DIAGNOSTICS written = ROW_COUNT;
            IF written < (SELECT count(*) FROM unnest(new_projects) AS n(project)
                          WHERE n.project <> ALL (refused)) THEN
                RAISE EXCEPTION 'an id was claimed by another transaction meanwhile'
                    USING ERRCODE = 'serialization_failure';
            END IF;
        END IF;

        PERFORM keep(e_projects, e_positions, types, keys, datas, e_actors, e_times);

        -- A hint only: the project and its head, in chunks since a payload ends at 8,000 bytes.
        IF cardinality(grown) <= 120 AND refused = '{}' THEN
            PERFORM pg_notify('collabcampus_heads', string_agg(g.id || ':' || g.position, ','))
            FROM unnest(grown, heights) AS g(id, position);
        ELSE
            PERFORM pg_notify('collabcampus_heads', string_agg(g.id || ':' || g.position, ','))
            FROM unnest(grown, heights) WITH ORDINALITY AS g(id, position, n)
            WHERE g.id <> ALL (refused) GROUP BY g.n / 120;
        END IF;
    END IF;

    IF refused <> '{}' THEN
        RETURN QUERY SELECT r.id, 'moved' FROM unnest(moved) AS r(id)
        UNION ALL SELECT DISTINCT r.id, 'repeated' FROM unnest(repeated) AS r(id)
        UNION ALL SELECT r.id, 'taken' FROM unnest(taken) AS r(id);
    END IF;
END $$;

REVOKE ALL ON FUNCTION append FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append TO collabcampus_app;
GRANT SELECT ON feed, event TO collabcampus_app;

-- A project's state as it was folded up to a position: a cache, of one version of the fold, dropped at will.
CREATE TABLE snapshots (
    project_id uuid PRIMARY KEY,
    position bigint NOT NULL,
    fold_version integer NOT NULL,
    state bytea NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON snapshots TO collabcampus_app;
