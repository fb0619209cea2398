-- Evidence: files made of deals, and pages as they were shown.

CREATE TABLE evidence_file (
    number text COLLATE "C" PRIMARY KEY CHECK (number ~ '^EV-[0-9A-F]{20}$'), -- digest of what it is made from and for whom
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('lot', 'listing', 'notice')),
    subject text COLLATE "C" NOT NULL,
    edition text COLLATE "C" NOT NULL CHECK (edition IN ('supervisor', 'operator', 'seller', 'buyer')),
    party text COLLATE "C" NOT NULL, -- for whom, of editions of sellers and buyers; empty for staff
    language text COLLATE "C" NOT NULL CHECK (language IN ('zh', 'en')),
    state text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'making', 'ready', 'failed')),
    done bigint NOT NULL DEFAULT 0, -- events written
    total bigint NOT NULL CHECK (total >= 0),
    size bigint NOT NULL DEFAULT 0,
    sha256 text COLLATE "C" NOT NULL DEFAULT '', -- of the whole file
    problem text NOT NULL DEFAULT '',
    asked_by text COLLATE "C" NOT NULL,
    asked_at_us bigint NOT NULL,
    made_at_us bigint
);
CREATE INDEX evidence_file_subject ON evidence_file (kind, subject, asked_at_us DESC);
CREATE INDEX evidence_file_open ON evidence_file (asked_at_us, number) WHERE state IN ('waiting', 'making');
CREATE INDEX evidence_file_newest ON evidence_file (asked_at_us DESC, number);

-- A page as it was shown, with what the market signed about it when it was fetched. Kept for ever.
CREATE TABLE page_snapshot (
    stream text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    url text COLLATE "C" NOT NULL,
    statement bytea NOT NULL, -- engine/evidence/snapshots.py, canonical JSON
    body bytea NOT NULL, -- zlib
    PRIMARY KEY (stream, seq, url)
);
CREATE FUNCTION page_snapshot_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'pages as they were shown are kept';
END $$;
CREATE TRIGGER page_snapshot_append_only BEFORE UPDATE OR DELETE ON page_snapshot
    FOR EACH ROW EXECUTE FUNCTION page_snapshot_refuse_change();
CREATE TRIGGER page_snapshot_no_truncate BEFORE TRUNCATE ON page_snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION page_snapshot_refuse_change();
