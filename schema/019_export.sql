-- What an export writes, and an import elsewhere takes back bit for bit: see log/lines.py for the form of the lines.

-- Commands that made no event are found by where their project stood: rare, so the append pays nothing.
CREATE INDEX commands_without_events ON commands (project_id, position) WHERE events = 0;

CREATE FUNCTION command_line(command commands) RETURNS text LANGUAGE sql STABLE
RETURN format(
    '{"line":"command","position":%s,"events":%s,"commandId":"%s","actor":"%s","at":"%s","digest":"%s"}',
    (command).position, (command).events, (command).command_id, (command).actor, rfc3339((command).at),
    translate(encode((command).digest, 'base64'), E'\n', ''));

-- A project's lines of the positions `since` to `until`, joined by line feeds; NULL where there are none.
CREATE FUNCTION exported(project uuid, since bigint, until bigint) RETURNS text LANGUAGE sql STABLE
SET search_path = public, pg_temp
-- Index lookups alone, which stay right at every size: a page is small and a project may be large.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
RETURN (SELECT string_agg(l.line, E'\n' ORDER BY l.position, l.nth, l.command_id) FROM (
    SELECT e.position, 1 AS nth, e.command_id, format(
        '{"line":"event","position":%s,"type":%s,"key":%s,"actor":"%s","commandId":"%s","at":"%s","salt":%s,'
        '"digest":"%s","hash":"%s","data":%s}',
        e.position, to_json(e.type), to_json(e.key), e.actor, e.command_id, rfc3339(e.at),
        coalesce('"' || encode(e.salt, 'base64') || '"', 'null'), encode(e.digest, 'base64'),
        encode(e.hash, 'base64'), to_json(e.data::text)) AS line
    FROM events AS e WHERE e.project_id = project AND e.position BETWEEN since AND until
    UNION ALL
    SELECT c.position, 2, c.command_id, command_line(c)
    FROM events AS e JOIN commands AS c
        ON c.project_id = project AND c.command_id = e.command_id AND c.position = e.position AND c.events > 0
    WHERE e.project_id = project AND e.position BETWEEN since AND until
    UNION ALL
    SELECT c.position, 3, c.command_id, command_line(c)
    FROM commands AS c WHERE c.project_id = project AND c.position BETWEEN since AND until AND c.events = 0
) AS l);

-- How far each consumer of the feed has come, by its name: see log/consume.py.
CREATE TABLE consumers (
    name text PRIMARY KEY,
    xid xid8 NOT NULL,
    project_id uuid NOT NULL,
    position bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN consumers.at IS 'when it said so';
GRANT SELECT, INSERT, UPDATE, DELETE ON consumers TO collabcampus_app;

-- After a restore from a dump, whose transactions' numbers are another server's: the feed begins anew by (project,
-- position), and with it every consumer. Nothing else may write meanwhile.
CREATE PROCEDURE renumber_feed() LANGUAGE sql AS $$
    UPDATE commands SET xid = pg_current_xact_id();
    DELETE FROM consumers;
$$;
REVOKE ALL ON PROCEDURE renumber_feed FROM PUBLIC;
