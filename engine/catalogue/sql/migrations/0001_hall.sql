-- The hall: one row for each lot as everybody may see it. Rebuilt from the log by resetting its cursor (docs/OPERATING.md).
CREATE TABLE hall_lot (
    lot text COLLATE "C" PRIMARY KEY,
    seq bigint NOT NULL,
    phase text COLLATE "C" NOT NULL,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    summary_zh text NOT NULL,
    summary_en text NOT NULL,
    seller_name_zh text NOT NULL,
    seller_name_en text NOT NULL,
    seller_id text COLLATE "C" NOT NULL,
    field text COLLATE "C" NOT NULL,
    region text COLLATE "C" NOT NULL,
    demonstration boolean NOT NULL,
    start_price numeric(40, 0) NOT NULL,
    price numeric(40, 0),
    currency text NOT NULL,
    exponent smallint NOT NULL,
    bids bigint NOT NULL,
    bidders bigint NOT NULL,
    opens_at_us bigint NOT NULL,
    ends_at_us bigint NOT NULL,
    published_at_us bigint NOT NULL,
    search text NOT NULL
);
CREATE INDEX hall_ends ON hall_lot (ends_at_us, lot);
CREATE INDEX hall_published ON hall_lot (published_at_us DESC, lot);
CREATE INDEX hall_phase ON hall_lot (phase, ends_at_us);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON hall_lot TO ortoo_writer;
    END IF;
END $$;
