-- Ownership of shards among several engines (docs/adr/0019). Who may write is decided by the log's primary key alone; these rows say
-- who should, and until when. A process on lease has lease_until; one that owns everything at once has none.
ALTER TABLE engine_process
    ADD COLUMN lease_until timestamptz,
    ADD COLUMN leaving boolean NOT NULL DEFAULT false,
    ALTER COLUMN alive_at_us DROP NOT NULL;

CREATE TABLE shard_owner (
    shard smallint PRIMARY KEY,
    owner text COLLATE "C",
    -- Last epoch that an owner on lease has served.
    served_epoch bigint,
    -- Handed over in order under this epoch, served until this instant (the clock of that owner).
    released_epoch bigint,
    released_us bigint
) WITH (fillfactor = 50);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT, UPDATE ON shard_owner TO ortoo_writer;
    END IF;
END $$;
