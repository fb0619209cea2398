-- What moved to cheaper storage under an earlier program has that program's indexes: it gets those of the log (docs/adr/0022).
DO $$
DECLARE
    old text;
BEGIN
    IF to_regclass('event_cold') IS NULL THEN
        RETURN;
    END IF;
    FOR old IN SELECT i.indexrelid::regclass::text FROM pg_index i
        WHERE i.indrelid = 'event_cold'::regclass AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
    LOOP
        EXECUTE 'DROP INDEX ' || old;
    END LOOP;
    CREATE UNIQUE INDEX ON event_cold (stream, stream_seq);
    CREATE UNIQUE INDEX ON event_cold (stream, command_id) WHERE command_id IS NOT NULL;
    CREATE INDEX ON event_cold USING brin (actor text_bloom_ops (n_distinct_per_range = 300)) WITH (pages_per_range = 32);
    CREATE INDEX ON event_cold (shard, seq) WHERE entry_id IS NOT NULL;
    CREATE INDEX ON event_cold (shard, seq) INCLUDE (stream, type) WHERE type NOT IN ('lot.bid_accepted', 'lot.bid_rejected');
END $$;
