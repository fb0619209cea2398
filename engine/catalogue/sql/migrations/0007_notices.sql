-- Notices of agreements as lists need them: the public board, an institution's own, the queues of the handling desk.
-- A read model: rebuilt from the log by deleting the rows of consumer "publicity" in consumer_cursor (docs/OPERATING.md).
-- Text columns hold what is published (before publication: what is handed in, shown to the institution and staff alone).
CREATE TABLE publicity_row (
    notice text COLLATE "C" PRIMARY KEY,
    seq bigint NOT NULL,
    phase text COLLATE "C" NOT NULL,
    seller_id text COLLATE "C" NOT NULL,
    achievement_id text COLLATE "C" NOT NULL,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    title_mn text NOT NULL,
    abstract_zh text NOT NULL,
    abstract_en text NOT NULL,
    seller_name_zh text NOT NULL,
    seller_name_en text NOT NULL,
    field text COLLATE "C" NOT NULL,
    region text COLLATE "C" NOT NULL,
    mode text COLLATE "C" NOT NULL,
    price numeric(40, 0) NOT NULL,
    currency text NOT NULL,
    exponent smallint NOT NULL,
    confidential text COLLATE "C" NOT NULL,
    related text COLLATE "C" NOT NULL,
    demonstration boolean NOT NULL,
    round_no integer NOT NULL,
    version_no integer NOT NULL,
    days integer NOT NULL,
    objection_state text COLLATE "C" NOT NULL,
    open_objections integer NOT NULL,
    certain boolean NOT NULL,
    submitted_at_us bigint NOT NULL,
    published_at_us bigint,
    ends_at_us bigint,
    certified_at_us bigint,
    struck_at_us bigint,
    since_us bigint NOT NULL,
    changed_at_us bigint NOT NULL,
    search text NOT NULL
);
CREATE INDEX publicity_row_newest ON publicity_row (published_at_us DESC, notice) WHERE published_at_us IS NOT NULL;
CREATE INDEX publicity_row_changed ON publicity_row (changed_at_us DESC, notice) WHERE published_at_us IS NOT NULL;
CREATE INDEX publicity_row_seller ON publicity_row (seller_id, since_us DESC);
CREATE INDEX publicity_row_phase ON publicity_row (phase, since_us);
CREATE INDEX publicity_row_achievement ON publicity_row (achievement_id);

CREATE TABLE publicity_objection_row (
    notice text COLLATE "C" NOT NULL,
    objection_no integer NOT NULL,
    objection_id text COLLATE "C" NOT NULL,
    receipt_no text COLLATE "C" NOT NULL,
    seller_id text COLLATE "C" NOT NULL,
    ground text COLLATE "C" NOT NULL,
    phase text COLLATE "C" NOT NULL,
    handler text COLLATE "C" NOT NULL,
    due_us bigint,
    overdue boolean NOT NULL,
    filed_at_us bigint NOT NULL,
    since_us bigint NOT NULL,
    PRIMARY KEY (notice, objection_no)
);
CREATE UNIQUE INDEX publicity_objection_receipt ON publicity_objection_row (receipt_no);
CREATE INDEX publicity_objection_phase ON publicity_objection_row (phase, due_us);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON publicity_row, publicity_objection_row TO ortoo_writer;
    END IF;
END $$;
