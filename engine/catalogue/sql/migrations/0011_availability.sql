-- What the prober saw, one row for each look. A read model of the prober's stream: rebuilt by deleting the rows of consumer
-- "availability" in consumer_cursor (docs/OPERATING.md).
CREATE TABLE sighting (
    notice text COLLATE "C" NOT NULL,
    place text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    took_us bigint NOT NULL,
    status integer NOT NULL,
    problem text COLLATE "C" NOT NULL,
    record text COLLATE "C" NOT NULL,
    shown text COLLATE "C" NOT NULL,
    round_seq bigint NOT NULL,
    PRIMARY KEY (notice, place, at_us)
);

-- The part of a page that showed a record, byte for byte, under its digest: what the digests in the log stand for. Written by the
-- prober beside the log, once for each content; a row whose bytes do not have its digest proves nothing.
CREATE TABLE shown_record (
    shown text COLLATE "C" PRIMARY KEY,
    notice text COLLATE "C" NOT NULL,
    record text COLLATE "C" NOT NULL,
    first_seen_us bigint NOT NULL,
    body bytea NOT NULL
);
CREATE INDEX shown_record_notice ON shown_record (notice, first_seen_us);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON sighting, shown_record TO ortoo_writer;
    END IF;
END $$;
