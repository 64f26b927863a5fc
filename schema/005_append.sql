-- The append: one round trip; commands and events of several projects in, an outcome for each project out.
--
-- The arrays run in parallel: one entry a project (projects, and bases: the position its decisions were made
-- against); one a command (of_project: index of its project, command_ids, actors, digests, ats, counts: how many
-- events it made); one an event, in order (of_command: index of its command, types, keys, datas, and ids: an id
-- that must be unique everywhere, or NULL).
--
-- Outcomes: `appended` (position is the new head) · `moved` (the project is elsewhere by now, or just being
-- written) · `repeated` (one of its commandIds was answered before) · `taken` (one of its new ids exists).
-- Only what is `appended` was written.

CREATE FUNCTION append(
    projects uuid[], bases bigint[],
    of_project integer[], command_ids uuid[], actors uuid[], digests bytea[], ats timestamptz[], counts integer[],
    of_command integer[], types text[], keys text[], datas text[], ids uuid[]
) RETURNS TABLE (project_id uuid, outcome text, "position" bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    locked uuid[];      -- the projects that are still where they were decided against, now held by us
    hashes bytea[];     -- and the hash each head has
    repeated uuid[];
    taken uuid[];
    outcomes text[];    -- by project
    e_project uuid[]; e_position bigint[]; e_command integer[]; e_type text[]; e_key text[]; e_data text[];
    e_salt bytea[]; e_digest bytea[]; e_leaf bytea[];
    e_hash bytea[] := '{}';
    link bytea;
    claims bigint;
    claimed bigint;
BEGIN
    INSERT INTO heads (project_id, position, hash)
    SELECT p.id, 0, genesis() FROM unnest(projects, bases) AS p(id, base) WHERE p.base = 0 ORDER BY p.id
    ON CONFLICT DO NOTHING;

    -- Who is held by another is skipped, so one busy project never stalls the others.
    SELECT array_agg(l.project_id), array_agg(l.hash) INTO locked, hashes FROM (
        SELECT h.project_id, h.hash FROM unnest(projects, bases) AS p(id, base)
        JOIN heads AS h ON h.project_id = p.id AND h.position = p.base
        ORDER BY h.project_id FOR UPDATE OF h SKIP LOCKED) AS l;

    SELECT array_agg(DISTINCT c.project_id) INTO repeated
    FROM unnest(of_project, command_ids) AS n(project, command_id)
    JOIN commands AS c ON c.project_id = projects[n.project] AND c.command_id = n.command_id;

    SELECT array_agg(DISTINCT projects[of_project[n.command]]) INTO taken
    FROM unnest(of_command, ids) AS n(command, id) JOIN directory AS d ON d.id = n.id;

    outcomes := ARRAY(
        SELECT CASE WHEN p.id = ANY (repeated) THEN 'repeated'
                    WHEN p.id = ANY (locked) IS NOT TRUE THEN 'moved'
                    WHEN p.id = ANY (taken) THEN 'taken'
                    ELSE 'appended' END
        FROM unnest(projects) WITH ORDINALITY AS p(id, n) ORDER BY p.n);

    SELECT array_agg(f.project_id), array_agg(f.position), array_agg(f.command), array_agg(f.type), array_agg(f.key),
           array_agg(f.data), array_agg(f.salt), array_agg(f.digest),
           array_agg(leaf(f.project_id, f.position, f.type, f.key, actors[f.command], command_ids[f.command],
                          ats[f.command], f.digest))
    INTO e_project, e_position, e_command, e_type, e_key, e_data, e_salt, e_digest, e_leaf
    FROM (
        SELECT s.*, sha256(s.salt || convert_to(s.data, 'UTF8')) AS digest
        FROM (
            SELECT projects[of_project[n.command]] AS project_id, n.command, n.type, n.key, n.data,
                   bases[of_project[n.command]]
                       + row_number() OVER (PARTITION BY of_project[n.command] ORDER BY n.nth) AS position,
                   uuid_send(gen_random_uuid()) AS salt
            FROM unnest(of_command, types, keys, datas) WITH ORDINALITY AS n(command, type, key, data, nth)
            WHERE outcomes[of_project[n.command]] = 'appended'
            OFFSET 0) AS s
        ORDER BY s.project_id, s.position) AS f;

    FOR i IN 1 .. coalesce(cardinality(e_project), 0) LOOP
        IF i = 1 OR e_project[i] <> e_project[i - 1] THEN
            link := hashes[array_position(locked, e_project[i])];
        END IF;
        link := sha256(link || e_leaf[i]);
        e_hash[i] := link;
    END LOOP;

    INSERT INTO events (project_id, position, type, key, data, actor, command_id, at, salt, digest, hash)
    SELECT f.project_id, f.position, f.type, f.key, f.data::json, actors[f.command], command_ids[f.command],
           ats[f.command], f.salt, f.digest, f.hash
    FROM unnest(e_project, e_position, e_command, e_type, e_key, e_data, e_salt, e_digest, e_hash)
        AS f(project_id, position, command, type, key, data, salt, digest, hash);

    INSERT INTO directory (id, project_id)
    SELECT n.id, projects[of_project[n.command]] FROM unnest(of_command, ids) AS n(command, id)
    WHERE n.id IS NOT NULL AND outcomes[of_project[n.command]] = 'appended' ORDER BY n.id
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS claimed = ROW_COUNT;
    claims := (SELECT count(*) FROM unnest(of_command, ids) AS n(command, id)
               WHERE n.id IS NOT NULL AND outcomes[of_project[n.command]] = 'appended');
    IF claimed < claims THEN
        RAISE EXCEPTION 'an id was claimed by another transaction meanwhile' USING ERRCODE = 'serialization_failure';
    END IF;

    INSERT INTO commands (project_id, command_id, actor, digest, position, events, at)
    SELECT projects[n.project], n.command_id, n.actor, n.digest,
           bases[n.project] + sum(n.events) OVER (PARTITION BY n.project ORDER BY n.nth), n.events, n.at
    FROM unnest(of_project, command_ids, actors, digests, ats, counts)
        WITH ORDINALITY AS n(project, command_id, actor, digest, at, events, nth)
    WHERE outcomes[n.project] = 'appended';

    IF e_project IS NOT NULL THEN
        WITH grown AS (
            SELECT f.project_id, max(f.position) AS position, count(*) AS events,
                   (array_agg(f.hash ORDER BY f.position DESC))[1] AS hash
            FROM unnest(e_project, e_position, e_hash) AS f(project_id, position, hash) GROUP BY f.project_id),
        moved AS (
            UPDATE heads AS h SET position = g.position, hash = g.hash FROM grown AS g
            WHERE h.project_id = g.project_id)
        INSERT INTO feed (project_id, position, events) SELECT g.project_id, g.position, g.events FROM grown AS g;

        PERFORM keep(e_project, e_position, e_type, e_key, e_data::jsonb[],
                     ARRAY(SELECT actors[c] FROM unnest(e_command) WITH ORDINALITY AS u(c, n) ORDER BY u.n),
                     ARRAY(SELECT ats[c] FROM unnest(e_command) WITH ORDINALITY AS u(c, n) ORDER BY u.n));

        -- A hint only: the project and its head, in chunks since a payload ends at 8,000 bytes.
        PERFORM pg_notify('collabcampus_heads', string_agg(g.project_id || ':' || g.position, ','))
        FROM (SELECT f.project_id, max(f.position) AS position,
                     (row_number() OVER () - 1) / 120 AS chunk
              FROM unnest(e_project, e_position) AS f(project_id, position) GROUP BY f.project_id) AS g
        GROUP BY g.chunk;
    END IF;

    RETURN QUERY
    SELECT p.id, outcomes[p.n],
           CASE WHEN outcomes[p.n] = 'appended' THEN p.base + coalesce(
               (SELECT sum(n.events) FROM unnest(of_project, counts) AS n(project, events) WHERE n.project = p.n), 0)
           END::bigint
    FROM unnest(projects, bases) WITH ORDINALITY AS p(id, base, n);
END $$;

REVOKE ALL ON FUNCTION append, keep FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append TO collabcampus_app;
GRANT SELECT ON events, heads, commands, feed, directory, projections, event TO collabcampus_app;
