-- Sign-in by OpenID Connect: whom a provider knows as whom, and the sign-ins that are under way.

-- Somebody at a provider is one account, and an account is one person there; `subject` is the provider's own name for
-- them, never their address.
CREATE TABLE openid_identities (
    issuer text NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    linked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);
CREATE UNIQUE INDEX openid_identities_by_person ON openid_identities (user_id, issuer);

-- A sign-in goes once: its row is deleted by whoever finishes it. Digests alone, so that no copy of them opens a door.
CREATE TABLE openid_attempts (
    state_digest bytea PRIMARY KEY,
    verifier_digest bytea NOT NULL,
    provider text NOT NULL,
    redirect_uri text NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX openid_attempts_by_end ON openid_attempts (expires_at);

GRANT SELECT, INSERT, DELETE ON openid_identities TO collabcampus_app;
GRANT SELECT, INSERT, DELETE, UPDATE (expires_at) ON openid_attempts TO collabcampus_app; -- UPDATE is to lock
