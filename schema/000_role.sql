-- The role the server works as. It may read the log and call the append; each file grants what it adds.

DO $$
BEGIN
    CREATE ROLE collabcampus_app NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- roles belong to the whole server: another database made it
END $$;

DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'collabcampus_app', 'MEMBER') THEN
        GRANT collabcampus_app TO CURRENT_USER;
    END IF;
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO collabcampus_app;
