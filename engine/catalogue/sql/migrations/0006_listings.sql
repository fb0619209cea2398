-- Listings as lists need them: the market's page, an institution's own, a buyer's applications, the operator's queues.
-- A read model: rebuilt from the log by deleting the rows of consumer "listings" in consumer_cursor (docs/OPERATING.md).
CREATE TABLE listing_row (
    listing text COLLATE "C" PRIMARY KEY,
    seq bigint NOT NULL,
    phase text COLLATE "C" NOT NULL,
    way text COLLATE "C" NOT NULL,
    mode text COLLATE "C" NOT NULL,
    seller_id text COLLATE "C" NOT NULL,
    achievement_id text COLLATE "C" NOT NULL,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    summary_zh text NOT NULL,
    summary_en text NOT NULL,
    seller_name_zh text NOT NULL,
    seller_name_en text NOT NULL,
    field text COLLATE "C" NOT NULL,
    region text COLLATE "C" NOT NULL,
    demonstration boolean NOT NULL,
    price numeric(40, 0),
    currency text NOT NULL,
    exponent smallint NOT NULL,
    lot text COLLATE "C",
    certain boolean NOT NULL,
    submitted_at_us bigint NOT NULL,
    published_at_us bigint,
    ends_at_us bigint NOT NULL,
    since_us bigint NOT NULL,
    search text NOT NULL
);
CREATE INDEX listing_row_ends ON listing_row (ends_at_us, listing) WHERE published_at_us IS NOT NULL;
CREATE INDEX listing_row_newest ON listing_row (published_at_us DESC, listing) WHERE published_at_us IS NOT NULL;
CREATE INDEX listing_row_seller ON listing_row (seller_id, since_us DESC);
CREATE INDEX listing_row_phase ON listing_row (phase, since_us);
CREATE INDEX listing_row_achievement ON listing_row (achievement_id);

CREATE TABLE listing_intent_row (
    listing text COLLATE "C" NOT NULL,
    intent_no integer NOT NULL,
    buyer_id text COLLATE "C" NOT NULL,
    seller_id text COLLATE "C" NOT NULL,
    phase text COLLATE "C" NOT NULL,
    code text,
    deposit numeric(40, 0),
    due_us bigint,
    registered_at_us bigint NOT NULL,
    since_us bigint NOT NULL,
    PRIMARY KEY (listing, intent_no)
);
CREATE INDEX listing_intent_buyer ON listing_intent_row (buyer_id, registered_at_us DESC);
CREATE INDEX listing_intent_phase ON listing_intent_row (phase, since_us);
CREATE INDEX listing_intent_seller ON listing_intent_row (seller_id, phase);

CREATE TABLE listing_deal_row (
    listing text COLLATE "C" NOT NULL,
    deal_no integer NOT NULL,
    buyer_id text COLLATE "C" NOT NULL,
    seller_id text COLLATE "C" NOT NULL,
    price numeric(40, 0) NOT NULL,
    phase text COLLATE "C" NOT NULL,
    struck_at_us bigint NOT NULL,
    sign_by_us bigint NOT NULL,
    PRIMARY KEY (listing, deal_no)
);
CREATE INDEX listing_deal_buyer ON listing_deal_row (buyer_id, struck_at_us DESC);
CREATE INDEX listing_deal_phase ON listing_deal_row (phase, sign_by_us);

-- What a party keeps an eye on.
CREATE TABLE listing_watch (
    party text COLLATE "C" NOT NULL,
    listing text COLLATE "C" NOT NULL,
    since_us bigint NOT NULL,
    PRIMARY KEY (party, listing)
);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON listing_row, listing_intent_row, listing_deal_row, listing_watch TO ortoo_writer;
    END IF;
END $$;
