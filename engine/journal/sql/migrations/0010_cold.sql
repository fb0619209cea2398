-- Ended streams of long ago may move to another table on cheaper storage (docs/adr/0022), which is read as part of this one. A row leaves
-- the log only if the same row, whole, stands there already; nothing ever changes or leaves that table.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept boolean := false;
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'event' AND to_regclass(format('%I.event_cold', TG_TABLE_SCHEMA)) IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.event_cold c WHERE c.shard = $1.shard AND c.seq = $1.seq AND to_jsonb(c) = to_jsonb($1))', TG_TABLE_SCHEMA)
            INTO kept USING OLD;
        IF kept THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the journal is append-only';
END $$;
