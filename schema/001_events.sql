-- The log. One row an event, numbered 1, 2, 3 … within its project; everything starts with the project,
-- so that a distributed PostgreSQL can shard it as it is.

CREATE TABLE events (
    project_id uuid NOT NULL,
    position bigint NOT NULL CHECK (position > 0),
    type text NOT NULL,
    key text NOT NULL,
    data json NOT NULL,
    actor uuid NOT NULL,
    command_id uuid NOT NULL,
    at timestamptz(3) NOT NULL,
    salt bytea,
    digest bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (project_id, position)
) PARTITION BY HASH (project_id);

COMMENT ON COLUMN events.data IS 'the stored bytes; only a redaction ever replaces them';
COMMENT ON COLUMN events.salt IS '16 random bytes, forgotten when the data is redacted';
COMMENT ON COLUMN events.digest IS 'sha256(salt, data): stays when the data is redacted';
COMMENT ON COLUMN events.hash IS 'sha256(the predecessor''s hash, sha256(envelope, digest))';

DO $$
BEGIN
    FOR n IN 0 .. 7 LOOP
        EXECUTE format(
            'CREATE TABLE events_%s PARTITION OF events FOR VALUES WITH (MODULUS 8, REMAINDER %s)', n, n);
    END LOOP;
END $$;

CREATE TABLE heads (
    project_id uuid PRIMARY KEY,
    position bigint NOT NULL,
    hash bytea NOT NULL
) WITH (fillfactor = 70);

-- What a commandId was answered: at which position, by how many events ending there (none for a no-op).
CREATE TABLE commands (
    project_id uuid NOT NULL,
    command_id uuid NOT NULL,
    actor uuid NOT NULL,
    digest bytea NOT NULL,
    position bigint NOT NULL,
    events integer NOT NULL,
    at timestamptz(3) NOT NULL,
    PRIMARY KEY (project_id, command_id)
);

-- The transactions that appended, beside the events and not in them: an import elsewhere refills it.
CREATE TABLE feed (
    project_id uuid NOT NULL,
    position bigint NOT NULL,
    events integer NOT NULL,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (project_id, position)
);
CREATE INDEX feed_by_transaction ON feed (xid, project_id, position);

-- Ids that are unique everywhere, and the project each belongs to; never freed.
CREATE TABLE directory (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL
);
