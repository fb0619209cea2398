-- The publicity board: one row for each notice and each struck deal, for ever. A read model: rebuilt from the log by deleting the
-- rows of consumers "board-lots", "board-listings" and "board-notices" in consumer_cursor (docs/OPERATING.md).
CREATE TABLE board_entry (
    entry text COLLATE "C" PRIMARY KEY,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('notice', 'auction', 'listing')),
    subject text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    title_mn text NOT NULL,
    seller text COLLATE "C" NOT NULL,
    seller_zh text NOT NULL,
    seller_en text NOT NULL,
    field text COLLATE "C" NOT NULL,
    region text COLLATE "C" NOT NULL,
    way text COLLATE "C" NOT NULL,
    mode text COLLATE "C" NOT NULL,
    price numeric(40, 0) NOT NULL,
    base_price numeric(40, 0),
    valuation numeric(40, 0),
    currency text NOT NULL,
    exponent smallint NOT NULL,
    buyer text NOT NULL,
    published_at_us bigint NOT NULL,
    ends_at_us bigint,
    certain boolean NOT NULL,
    paused boolean NOT NULL,
    objections integer NOT NULL,
    version integer NOT NULL,
    digest text COLLATE "C" NOT NULL,
    changed_at_us bigint NOT NULL,
    demonstration boolean NOT NULL,
    terms text[] NOT NULL,
    folded text NOT NULL
);
CREATE INDEX board_newest ON board_entry (published_at_us DESC, entry);
CREATE INDEX board_changed ON board_entry (changed_at_us DESC, entry);
CREATE INDEX board_seller ON board_entry (seller, published_at_us DESC);
CREATE INDEX board_state ON board_entry (kind, state, ends_at_us);
CREATE INDEX board_words ON board_entry USING gin (terms);

-- Moves with every change of the board: what was rendered under an older number is rendered anew.
CREATE TABLE board_revision (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    revision bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO board_revision (revision) VALUES (1);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON board_entry, board_revision TO ortoo_writer;
    END IF;
END $$;
