-- The append as it was, but whoever calls says whether it notifies.
--
-- The append: one round trip; commands and events of several projects in. Returned are only the projects of which
-- nothing was written, and why: `moved` (the project is elsewhere by now, or just being written), `repeated` (one of
-- its commandIds was answered before), `taken` (one of its new ids exists).
--
-- Arrays run in parallel. A project each: projects, bases (the position its commands were decided against). A command
-- each: c_*; c_positions is where the project stands after it, c_events how many events it made. An event each, the
-- projects in the order of `projects`, positions dense: e_*, types, keys, datas. An id that must be unique
-- everywhere each: new_*. Times are RFC 3339, UTC, with milliseconds. Where the nodes have another bus, `notify` is false:
-- a transaction that notifies holds a lock of the whole cluster as it commits, so two of them never commit at once.
CREATE FUNCTION append(
    projects uuid[], bases bigint[],
    c_projects uuid[], c_ids uuid[], c_actors uuid[], c_digests bytea[], c_positions bigint[], c_events integer[],
    c_times text[],
    e_projects uuid[], e_positions bigint[], types text[], keys text[], datas text[], e_actors uuid[],
    e_commands uuid[], e_times text[],
    new_ids uuid[], new_projects uuid[], notify boolean
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
        IF NOT notify THEN
            NULL; -- whoever called tells the others, once it has committed
        ELSIF cardinality(grown) <= 120 AND refused = '{}' THEN
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

REVOKE ALL ON FUNCTION append(uuid[], bigint[], uuid[], uuid[], uuid[], bytea[], bigint[], integer[], text[], uuid[], bigint[],
                            text[], text[], text[], uuid[], uuid[], text[], uuid[], uuid[], boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append(uuid[], bigint[], uuid[], uuid[], uuid[], bytea[], bigint[], integer[], text[], uuid[], bigint[],
                            text[], text[], text[], uuid[], uuid[], text[], uuid[], uuid[], boolean) TO collabcampus_app;

-- As workers of before call it, which may run beside newer ones; replaced and not dropped, for they have it prepared.
CREATE OR REPLACE FUNCTION append(
    projects uuid[], bases bigint[],
    c_projects uuid[], c_ids uuid[], c_actors uuid[], c_digests bytea[], c_positions bigint[], c_events integer[],
    c_times text[],
    e_projects uuid[], e_positions bigint[], types text[], keys text[], datas text[], e_actors uuid[],
    e_commands uuid[], e_times text[],
    new_ids uuid[], new_projects uuid[]
) RETURNS TABLE (project_id uuid, outcome text)
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
    SELECT * FROM append(projects, bases, c_projects, c_ids, c_actors, c_digests, c_positions, c_events, c_times,
                         e_projects, e_positions, types, keys, datas, e_actors, e_commands, e_times, new_ids, new_projects,
                         true)
$$;
