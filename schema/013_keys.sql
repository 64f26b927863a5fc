-- The keys that sign access tokens. A new one is known everywhere before it signs, an old one verifies until
-- nothing that it signed is good any more; then its row is deleted.

CREATE TABLE keys (
    kid text PRIMARY KEY,
    secret bytea NOT NULL CHECK (octet_length(secret) >= 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    signs_from timestamptz NOT NULL,
    retires_at timestamptz
);
COMMENT ON COLUMN keys.retires_at IS 'from then on it verifies nothing; NULL while no other follows it';

-- The one key there was goes on under the name that its tokens give it.
INSERT INTO keys (kid, secret, created_at, signs_from)
SELECT left(encode(sha256('kid'::bytea || secret), 'hex'), 16), secret, created_at, created_at
FROM secrets
WHERE name = 'access';
DELETE FROM secrets WHERE name = 'access';

GRANT SELECT, INSERT, DELETE ON keys TO collabcampus_app;
GRANT UPDATE (retires_at) ON keys TO collabcampus_app;
