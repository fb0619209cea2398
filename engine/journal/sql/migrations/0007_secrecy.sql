-- Which key hides the rows of lots (docs/adr/0018): its name, never the key. One for the life of the log.
CREATE TABLE log_key (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 16)
);
-- Who may look into the database and yet learn nothing before its time: order, kinds, times and digests of the log, no content,
-- no salt, nobody's name. What the read models show to everybody is granted where they are made.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_reader') THEN
        CREATE ROLE ortoo_reader NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END $$;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_reader') THEN
        GRANT SELECT (shard, seq, epoch, stream, stream_seq, type, version, at_us, content, digest) ON event TO ortoo_reader;
    END IF;
END $$;
