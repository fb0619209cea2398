-- Listings in preparation: a form that was not lost. What is handed in is in the journal.
CREATE TABLE listing_draft (
    id text COLLATE "C" PRIMARY KEY,
    party text COLLATE "C" NOT NULL,
    author text COLLATE "C" NOT NULL,
    achievement text COLLATE "C" NOT NULL,
    listing text COLLATE "C" NOT NULL,
    form jsonb NOT NULL,
    saved_at_us bigint NOT NULL,
    version integer NOT NULL DEFAULT 1
);
CREATE INDEX listing_draft_party ON listing_draft (party, saved_at_us DESC);
