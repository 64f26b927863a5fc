-- Erasure: the words of an event are taken out of the log for good. What the hash chain runs over, the salted digest of
-- what was stored, stays: so the chain holds, and nothing tells what the words were. A redaction is itself written down,
-- with the SHA-256 of what stands there now.

CREATE TABLE redactions (
    project_id uuid NOT NULL,
    position bigint NOT NULL,
    nth integer NOT NULL,
    head bigint NOT NULL,
    redacted_at timestamptz(3) NOT NULL,
    by text NOT NULL,
    reason text NOT NULL,
    sha256 bytea NOT NULL,
    PRIMARY KEY (project_id, position, nth)
);
COMMENT ON COLUMN redactions.nth IS 'counts those of one event: the last one tells what stands there';
COMMENT ON COLUMN redactions.head IS 'where the project was: who holds a position up to here may hold the words';
COMMENT ON COLUMN redactions.by IS 'who was logged in to the database';
COMMENT ON COLUMN redactions.sha256 IS 'of the data that took the place of the old';
GRANT SELECT ON redactions TO collabcampus_app;

-- What is left of a project that was purged: that its log once had this hash.
CREATE TABLE purged (
    project_id uuid PRIMARY KEY,
    position bigint NOT NULL,
    hash bytea NOT NULL,
    events bigint NOT NULL,
    redacted bigint NOT NULL,
    first_at timestamptz(3) NOT NULL,
    last_at timestamptz(3) NOT NULL,
    purged_at timestamptz(3) NOT NULL,
    by text NOT NULL
);
GRANT SELECT ON purged TO collabcampus_app;

-- Whether `purge` is at this project right now, or at any where none is named.
CREATE FUNCTION purging(project uuid) RETURNS boolean LANGUAGE sql STABLE
RETURN coalesce(current_setting('collabcampus.purging', true), '') <> '' AND (project IS NULL OR
    project::text = current_setting('collabcampus.purging', true)
    AND EXISTS (SELECT FROM public.purged AS p WHERE p.project_id = project));

-- As before, but for `purge`, and for `redact`: it alone announces an event, and only that event's data and salt may change, to what its
-- redaction says.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    announced text := coalesce(current_setting('collabcampus.redacting', true), '');
BEGIN
    IF TG_OP = 'DELETE' AND purging(NULL) THEN
        IF TG_LEVEL = 'STATEMENT' THEN
            RETURN NULL;
        ELSIF purging(OLD.project_id) THEN
            RETURN OLD;
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' AND announced <> '' THEN
        IF TG_LEVEL = 'STATEMENT' THEN
            RETURN NULL;
        END IF;
        IF announced = OLD.project_id || ':' || OLD.position AND NEW.salt IS NULL
            AND (OLD.project_id, OLD.position, OLD.type, OLD.key, OLD.actor, OLD.command_id, OLD.at, OLD.digest, OLD.hash)
              = (NEW.project_id, NEW.position, NEW.type, NEW.key, NEW.actor, NEW.command_id, NEW.at, NEW.digest, NEW.hash)
            AND sha256(convert_to(NEW.data::text, 'UTF8')) = (
                SELECT r.sha256 FROM redactions AS r WHERE r.project_id = OLD.project_id AND r.position = OLD.position
                ORDER BY r.nth DESC LIMIT 1) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the log is immutable: % on %', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'CC001', HINT = 'Append a new event instead.';
END $$;

CREATE FUNCTION refuse_unsaying() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'redactions' AND purging(NULL) THEN
        IF TG_LEVEL = 'STATEMENT' THEN
            RETURN NULL;
        ELSIF purging(OLD.project_id) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the log is immutable: % on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'CC001';
END $$;
DO $$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY '{redactions, purged}'::text[] LOOP
        EXECUTE format('CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON %I
                        FOR EACH STATEMENT EXECUTE FUNCTION refuse_unsaying()', kept);
        EXECUTE format('CREATE TRIGGER immutable_row BEFORE UPDATE OR DELETE ON %I
                        FOR EACH ROW EXECUTE FUNCTION refuse_unsaying()', kept);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER immutable', kept);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER immutable_row', kept);
    END LOOP;
END $$;

-- One event: `replacement` takes the place of its data, its salt is forgotten, and so is the digest of the command that
-- made it, by which its words could be guessed. The caller holds the project's head.
CREATE PROCEDURE redact(project uuid, place bigint, replacement text, why text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    made_by uuid;
BEGIN
    INSERT INTO redactions (project_id, position, nth, head, redacted_at, by, reason, sha256)
    SELECT project, place, 1 + (SELECT count(*) FROM redactions AS r WHERE r.project_id = project AND r.position = place),
           h.position, clock_timestamp(), session_user, why, sha256(convert_to(replacement, 'UTF8'))
    FROM heads AS h WHERE h.project_id = project;
    PERFORM set_config('collabcampus.redacting', project || ':' || place, true);
    UPDATE events AS e SET data = replacement::json, salt = NULL WHERE e.project_id = project AND e.position = place
    RETURNING e.command_id INTO STRICT made_by;
    PERFORM set_config('collabcampus.redacting', '', true);
    UPDATE commands AS c SET digest = sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
    WHERE c.project_id = project AND c.command_id = made_by;
END $$;
REVOKE ALL ON PROCEDURE redact FROM PUBLIC;

-- A project's part of every read model, made anew from the log, and its stored state dropped; nodes are told.
CREATE PROCEDURE show_redacted(project uuid) LANGUAGE plpgsql AS $$
DECLARE
    kept text;
BEGIN
    FOR kept IN SELECT p.name FROM projections AS p WHERE p.touched_by <> '{}' ORDER BY p.name LOOP
        EXECUTE format('DELETE FROM %I WHERE project_id = $1', kept) USING project;
        EXECUTE format('INSERT INTO %1$I (project_id, key, position, since, row)
                        SELECT project_id, key, position, since, row FROM %2$I WHERE project_id = $1',
                       kept, kept || '_from_log') USING project;
    END LOOP;
    DELETE FROM snapshots AS s WHERE s.project_id = project;
    PERFORM pg_notify('collabcampus_redactions', project::text);
END $$;
REVOKE ALL ON PROCEDURE show_redacted FROM PUBLIC;

-- A state that was folded before a redaction is not stored after it: it says how many redactions it knows of.
ALTER TABLE snapshots ADD COLUMN redactions bigint NOT NULL DEFAULT 0;

CREATE FUNCTION hold_snapshot(project uuid) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN hashtextextended(project::text, 23);

CREATE FUNCTION refuse_unredacted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    -- Before the next statement looks: a redaction that is under way has the other half of this lock.
    IF NOT pg_try_advisory_xact_lock_shared(hold_snapshot(NEW.project_id)) THEN
        RETURN NULL;
    END IF;
    IF NEW.redactions <> (SELECT count(*) FROM redactions AS r WHERE r.project_id = NEW.project_id)
        OR EXISTS (SELECT FROM purged AS p WHERE p.project_id = NEW.project_id) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER unredacted BEFORE INSERT OR UPDATE ON snapshots FOR EACH ROW EXECUTE FUNCTION refuse_unredacted();

-- A project's lines of the positions `since` to `until`, joined by line feeds; NULL where there are none. A redaction
-- comes behind its event.
CREATE FUNCTION exported(project uuid, since bigint, until bigint) RETURNS text LANGUAGE sql STABLE
SET search_path = public, pg_temp
-- Index lookups alone, which stay right at every size: a page is small and a project may be large.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
RETURN (SELECT string_agg(l.line, E'\n' ORDER BY l.position, l.nth, l.tie COLLATE "C") FROM (
    SELECT e.position, 1 AS nth, '' AS tie, format(
        '{"line":"event","position":%s,"type":%s,"key":%s,"actor":"%s","commandId":"%s","at":"%s","salt":%s,'
        '"digest":"%s","hash":"%s","data":%s}',
        e.position, to_json(e.type), to_json(e.key), e.actor, e.command_id, rfc3339(e.at),
        coalesce('"' || encode(e.salt, 'base64') || '"', 'null'), encode(e.digest, 'base64'),
        encode(e.hash, 'base64'), to_json(e.data::text)) AS line
    FROM events AS e WHERE e.project_id = project AND e.position BETWEEN since AND until
    UNION ALL
    SELECT r.position, 2, to_char(r.nth, 'FM0000000000'), format(
        '{"line":"redaction","position":%s,"nth":%s,"head":%s,"redactedAt":"%s","by":%s,"reason":%s,"sha256":"%s"}',
        r.position, r.nth, r.head, rfc3339(r.redacted_at), to_json(r.by), to_json(r.reason), encode(r.sha256, 'base64'))
    FROM redactions AS r WHERE r.project_id = project AND r.position BETWEEN since AND until
    UNION ALL
    SELECT c.position, 3, c.command_id::text, command_line(c)
    FROM events AS e JOIN commands AS c
        ON c.project_id = project AND c.command_id = e.command_id AND c.position = e.position AND c.events > 0
    WHERE e.project_id = project AND e.position BETWEEN since AND until
    UNION ALL
    SELECT c.position, 4, c.command_id::text, command_line(c)
    FROM commands AS c WHERE c.project_id = project AND c.position BETWEEN since AND until AND c.events = 0
) AS l);

-- All of a project but its receipt and the ids of its tasks, which stay spent. The caller holds its head, and has found
-- it archived.
CREATE PROCEDURE purge(project uuid) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held text;
BEGIN
    INSERT INTO purged (project_id, position, hash, events, redacted, first_at, last_at, purged_at, by)
    SELECT h.project_id, h.position, h.hash, count(*), count(*) FILTER (WHERE e.salt IS NULL), min(e.at), max(e.at),
           clock_timestamp(), session_user
    FROM heads AS h JOIN events AS e USING (project_id) WHERE h.project_id = project GROUP BY h.project_id;
    PERFORM set_config('collabcampus.purging', project::text, true);
    FOR held IN SELECT p.name FROM projections AS p WHERE p.touched_by <> '{}'
                UNION ALL SELECT unnest('{events, redactions, commands, snapshots, read_markers, read_notifications,
                                          heads}'::text[]) LOOP
        EXECUTE format('DELETE FROM %I WHERE project_id = $1', held) USING project;
    END LOOP;
    PERFORM set_config('collabcampus.purging', '', true);
    PERFORM pg_notify('collabcampus_redactions', project::text);
END $$;
REVOKE ALL ON PROCEDURE purge FROM PUBLIC;

CREATE FUNCTION refuse_return() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM purged AS p WHERE p.project_id = NEW.project_id) THEN
        RAISE EXCEPTION 'project % was purged: its id is spent', NEW.project_id USING ERRCODE = 'CC002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER spent BEFORE INSERT ON heads FOR EACH ROW EXECUTE FUNCTION refuse_return();
