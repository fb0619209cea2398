-- Public keys of people who may open sealed bids. The private half never leaves their browser; a key is replaced, never changed.
CREATE TABLE officer_key (
    party text COLLATE "C" NOT NULL CHECK (party ~ '^[po][0-9a-f]{16}$'),
    key text NOT NULL,
    made_by text COLLATE "C" NOT NULL REFERENCES account (id),
    made_at_us bigint NOT NULL,
    retired_at_us bigint,
    PRIMARY KEY (party, key)
);
CREATE UNIQUE INDEX officer_key_in_force ON officer_key (party) WHERE retired_at_us IS NULL;
