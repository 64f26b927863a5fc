-- How many wrong passwords lately, by a digest of whom and from where. Worth a minute: a crash may empty it.

CREATE UNLOGGED TABLE throttle (
    digest bytea PRIMARY KEY,
    full_at timestamptz NOT NULL
);
COMMENT ON COLUMN throttle.full_at IS 'when the bucket is full again; a minute ahead, it is empty';

GRANT SELECT, INSERT, UPDATE, DELETE ON throttle TO collabcampus_app;
