-- What an export writes, and an import elsewhere takes back bit for bit: see log/lines.py for the form of the lines, and
-- 023_erasure.sql for all of a project's together.

-- Commands that made no event are found by where their project stood: rare, so the append pays nothing.
CREATE INDEX commands_without_events ON commands (project_id, position) WHERE events = 0;

CREATE FUNCTION command_line(command commands) RETURNS text LANGUAGE sql STABLE
RETURN format(
    '{"line":"command","position":%s,"events":%s,"commandId":"%s","actor":"%s","at":"%s","digest":"%s"}',
    (command).position, (command).events, (command).command_id, (command).actor, rfc3339((command).at),
    translate(encode((command).digest, 'base64'), E'\n', ''));

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
