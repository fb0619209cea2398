-- Voiding a session that has bids takes two people: one asks, another confirms or refuses, before the request runs out.
CREATE TABLE void_request (
    id uuid PRIMARY KEY,
    lot text COLLATE "C" NOT NULL,
    ground text COLLATE "C" NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 400),
    asked_by text COLLATE "C" NOT NULL,
    asked_at_us bigint NOT NULL,
    expires_at_us bigint NOT NULL,
    outcome text COLLATE "C" CHECK (outcome IN ('confirmed', 'refused', 'expired')),
    ended_by text COLLATE "C",
    ended_at_us bigint,
    CHECK ((outcome IS NULL) = (ended_at_us IS NULL))
);
CREATE UNIQUE INDEX void_request_open ON void_request (lot) WHERE outcome IS NULL;
CREATE INDEX void_request_lot ON void_request (lot, asked_at_us);
