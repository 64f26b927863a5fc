-- The life of an account: an address that is proven, what was mailed to prove it, and the account that is closed.

ALTER TABLE accounts
    ADD COLUMN verified_at timestamptz,
    ADD COLUMN must_verify boolean NOT NULL DEFAULT false,
    ADD COLUMN closed_at timestamptz,
    ALTER COLUMN email DROP NOT NULL,
    ADD CONSTRAINT closed_or_with_an_address CHECK ((email IS NULL) = (closed_at IS NOT NULL));
COMMENT ON COLUMN accounts.must_verify IS 'nobody signs in before the address is verified';
COMMENT ON COLUMN accounts.closed_at IS 'what told who it was is gone; the row stays as the opaque author of the log';

-- A mailed token, as a hash: one a person and purpose, so that a newer one takes the older one's place. `mails` were
-- sent since `since`.
CREATE TABLE proofs (
    user_id uuid NOT NULL REFERENCES accounts,
    purpose text NOT NULL CHECK (purpose IN ('password', 'address')),
    digest bytea NOT NULL UNIQUE,
    email text NOT NULL,
    expires_at timestamptz NOT NULL,
    mails integer NOT NULL DEFAULT 1,
    since timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, purpose)
);
COMMENT ON COLUMN proofs.email IS 'the address it was mailed to, and proves';

GRANT SELECT, INSERT, UPDATE, DELETE ON proofs TO collabcampus_app;
GRANT DELETE ON refresh_tokens, read_markers, read_notifications TO collabcampus_app;
