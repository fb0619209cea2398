-- Credit records: facts about a party that others may rely on for a time. The history is append-only and chained by digests.
CREATE TABLE credit_record (
    id text COLLATE "C" PRIMARY KEY,
    party text COLLATE "C" NOT NULL,
    cause text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    state text COLLATE "C" NOT NULL CHECK (state IN ('noticed', 'appealed', 'in_force', 'withdrawn')),
    appeal_until_us bigint NOT NULL,
    expires_at_us bigint NOT NULL,
    at_us bigint NOT NULL,
    body bytea NOT NULL, -- the whole state as canonical JSON: settlement/credit/record.py
    digest bytea NOT NULL CHECK (length(digest) = 32)
);
CREATE INDEX credit_record_party ON credit_record (party, at_us DESC, id);
CREATE INDEX credit_record_waiting ON credit_record (state, appeal_until_us, id) WHERE state IN ('noticed', 'appealed');
CREATE TABLE credit_event (
    record text COLLATE "C" NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    type text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    body bytea NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (record, seq)
);
CREATE FUNCTION credit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of credit records is append-only';
END $$;
CREATE TRIGGER credit_event_append_only BEFORE UPDATE OR DELETE ON credit_event FOR EACH ROW EXECUTE FUNCTION credit_refuse_change();
CREATE TRIGGER credit_event_no_truncate BEFORE TRUNCATE ON credit_event FOR EACH STATEMENT EXECUTE FUNCTION credit_refuse_change();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT ON credit_event TO ortoo_writer;
        GRANT SELECT, INSERT, UPDATE ON credit_record TO ortoo_writer;
    END IF;
END $$;
