-- What is over goes: refresh tokens by their end; and a person's sign-ins that live are counted at each one.

CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);
CREATE INDEX sessions_that_live ON sessions (user_id, last_used_at) WHERE ended_at IS NULL AND kind = 'sign-in';

GRANT DELETE ON sessions TO collabcampus_app;
