-- Administrators, API tokens, and the log of what matters to security. None of it is part of a project's history.

ALTER TABLE accounts ADD COLUMN admin boolean NOT NULL DEFAULT false;
CREATE INDEX accounts_by_disabling ON accounts (disabled_at) WHERE disabled_at IS NOT NULL;

-- A session is a sign-in's, with refresh tokens; or an API token's, without any, and ends when that is revoked.
ALTER TABLE sessions ADD COLUMN kind text NOT NULL DEFAULT 'sign-in' CHECK (kind IN ('sign-in', 'token'));

-- Under the id of its session; the token itself is nowhere.
CREATE TABLE api_tokens (
    token_id uuid PRIMARY KEY REFERENCES sessions,
    digest bytea NOT NULL UNIQUE,
    name text NOT NULL,
    scopes text[] NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE security_log (
    entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    user_id uuid,
    actor_id uuid,
    session_id uuid,
    address text,
    detail jsonb NOT NULL
);
CREATE INDEX security_log_by_time ON security_log (at);
CREATE INDEX security_log_by_kind ON security_log (kind, entry);
CREATE INDEX security_log_by_person ON security_log (user_id, entry);

-- Nobody edits it, its owner neither unless they take the trigger away: changing it raises, in a session that plays a
-- replica too. The one thing that takes entries away says so for as long as it runs, and none of under 90 days.
CREATE FUNCTION refuse_forgetting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('collabcampus.forgetting', true) = 'on' THEN
        IF TG_LEVEL = 'STATEMENT' THEN
            RETURN NULL;
        ELSIF OLD.at < now() - interval '90 days' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the security log is immutable: %', TG_OP
        USING ERRCODE = 'CC001', HINT = 'What is old is taken away by forget_security_log.';
END $$;

CREATE TRIGGER immutable_row BEFORE UPDATE OR DELETE ON security_log
    FOR EACH ROW EXECUTE FUNCTION refuse_forgetting();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON security_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_forgetting();
ALTER TABLE security_log ENABLE ALWAYS TRIGGER immutable_row;
ALTER TABLE security_log ENABLE ALWAYS TRIGGER immutable;

-- Lets go of what is older than `kept`, some at a time; how many. What is younger than 90 days stays whoever asks:
-- nobody who works as the app wipes their traces away.
CREATE FUNCTION forget_security_log(kept interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    -- Not by the function's SET: that asks PostgreSQL 15 for a superuser.
    PERFORM set_config('collabcampus.forgetting', 'on', true);
    DELETE FROM security_log WHERE entry IN (
        SELECT s.entry FROM security_log AS s WHERE s.at < now() - greatest(kept, interval '90 days')
        ORDER BY s.at LIMIT 10000);
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('collabcampus.forgetting', 'off', true);
    RETURN gone;
END $$;
REVOKE ALL ON FUNCTION forget_security_log FROM PUBLIC;

GRANT EXECUTE ON FUNCTION forget_security_log TO collabcampus_app;
GRANT SELECT, INSERT, DELETE ON api_tokens TO collabcampus_app;
GRANT SELECT ON security_log TO collabcampus_app;
GRANT INSERT (at, kind, user_id, actor_id, session_id, address, detail) ON security_log TO collabcampus_app;
