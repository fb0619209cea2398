-- Saved searches, and the inbox of a party.
CREATE TABLE saved_search (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^ss-[0-9a-f]{12}$'),
    party text COLLATE "C" NOT NULL,
    name text NOT NULL,
    kind text COLLATE "C" NOT NULL,
    query text NOT NULL,
    filters jsonb NOT NULL,
    created_at_us bigint NOT NULL
);
CREATE INDEX saved_search_party ON saved_search (party, created_at_us DESC);

-- `once` is what makes a notice be there once: the same fact told twice is one row.
CREATE TABLE notice (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    party text COLLATE "C" NOT NULL,
    once text COLLATE "C" NOT NULL,
    about text COLLATE "C" NOT NULL,
    link text COLLATE "C" NOT NULL,
    data jsonb NOT NULL,
    at_us bigint NOT NULL,
    read_at_us bigint,
    UNIQUE (party, once)
);
CREATE INDEX notice_party ON notice (party, id DESC);
CREATE INDEX notice_unread ON notice (party) WHERE read_at_us IS NULL;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON saved_search, notice TO ortoo_writer;
    END IF;
END $$;
