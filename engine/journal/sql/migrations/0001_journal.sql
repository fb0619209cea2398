-- The log. Append-only by permission (role ortoo_writer) and by trigger. Columns: engine/journal/records.py.
CREATE TABLE event (
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 63),
    seq bigint NOT NULL CHECK (seq > 0),
    epoch bigint NOT NULL CHECK (epoch > 0),
    stream text COLLATE "C" NOT NULL,
    stream_seq bigint NOT NULL CHECK (stream_seq > 0),
    type text COLLATE "C" NOT NULL,
    version smallint NOT NULL,
    at_us bigint NOT NULL,
    arrived_at_us bigint,
    command_id bytea CHECK (length(command_id) = 16),
    request_digest bytea CHECK (length(request_digest) = 32),
    actor text COLLATE "C" NOT NULL,
    body bytea NOT NULL,
    salt bytea NOT NULL CHECK (length(salt) = 32),
    content bytea NOT NULL CHECK (length(content) = 32),
    digest bytea NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (shard, seq)
);
-- One gapless sequence for each lot, and every command once, for ever.
CREATE UNIQUE INDEX event_stream ON event (stream, stream_seq);
CREATE UNIQUE INDEX event_command ON event (stream, command_id) WHERE command_id IS NOT NULL;
-- Which lots live: published and not ended.
CREATE INDEX event_life ON event (shard, stream)
    WHERE type IN ('lot.published', 'lot.sold', 'lot.passed', 'lot.voided', 'lot.withdrawn');
-- A bidder's own record.
CREATE INDEX event_actor ON event (actor, at_us DESC) WHERE command_id IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only';
END $$;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- States to start from; a cache. A program whose states have another shape passes over them and reads the log.
CREATE TABLE lot_snapshot (
    stream text COLLATE "C" PRIMARY KEY,
    stream_seq bigint NOT NULL,
    shape text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    digest bytea NOT NULL
);

-- Last sign of life of each engine process.
CREATE TABLE engine_process (
    owner text COLLATE "C" PRIMARY KEY,
    alive_at_us bigint NOT NULL
) WITH (fillfactor = 50);

-- Where each consumer of the log stands in each shard: cursor and effect move in one transaction.
CREATE TABLE consumer_cursor (
    consumer text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (consumer, shard)
);

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        CREATE ROLE ortoo_writer NOLOGIN;
    END IF;
EXCEPTION
    -- Another database of this server is being migrated at the same moment, or the login may not create roles:
    -- then the administrator makes the role (docs/OPERATING.md); the trigger guards the log in any case.
    WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END $$;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT ON event TO ortoo_writer;
        GRANT SELECT, INSERT, UPDATE ON lot_snapshot, engine_process, consumer_cursor TO ortoo_writer;
    END IF;
END $$;
