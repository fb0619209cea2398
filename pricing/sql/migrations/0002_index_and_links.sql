-- The index of prices that came with each model version, and ties between parties that the gateway saw: digests, never what was seen.
CREATE TABLE pricing_index (
    fit bigint NOT NULL REFERENCES pricing_fit,
    place integer NOT NULL CHECK (place >= 0),
    quarter text COLLATE "C" NOT NULL CHECK (quarter ~ '^[0-9]{4}Q[1-4]$'),
    level double precision NOT NULL CHECK (level > 0), -- the first quarter is 100
    deals integer NOT NULL CHECK (deals >= 0), -- 0: fewer than may be told
    published boolean NOT NULL,
    PRIMARY KEY (fit, place)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pricing_index FOR EACH STATEMENT EXECUTE FUNCTION pricing_is_append_only();

CREATE TABLE pricing_link (
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('account', 'device', 'network', 'person', 'phone', 'bank')),
    digest bytea NOT NULL CHECK (length(digest) = 32), -- keyed (HMAC): without the market's key nobody can guess what it was of
    party text COLLATE "C" NOT NULL CHECK (length(party) BETWEEN 1 AND 64),
    first_at_us bigint NOT NULL,
    last_at_us bigint NOT NULL,
    PRIMARY KEY (kind, digest, party)
);
CREATE INDEX pricing_link_party ON pricing_link (party);
CREATE INDEX pricing_link_age ON pricing_link (last_at_us);
