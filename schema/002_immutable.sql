-- The log cannot be edited, not by its owner either: changing it raises.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is immutable: % on %', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'CC001', HINT = 'Append a new event instead.';
END $$;

-- By statement, so that it raises where no row matches too, on the table and on each partition; and by row, for
-- ways in that fire no statement trigger. ALWAYS: in a session that plays a replica as well.
CREATE TRIGGER immutable_row BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT 'events'::regclass UNION ALL
                SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'events'::regclass LOOP
        EXECUTE format('CREATE TRIGGER immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON %s
                        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', part);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER immutable', part);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER immutable_row', part);
    END LOOP;
END $$;
