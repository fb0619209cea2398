-- The search of the catalogue: an inverted index of bitmaps. docs/SEARCH.md says how and why; a read model, rebuilt by `reindex`.
-- A document is one published version of an achievement or a need. Numbers only grow: the newest has the highest.
CREATE TABLE search_document (
    doc integer PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    alive boolean NOT NULL,
    owner text COLLATE "C" NOT NULL,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    keywords text[] NOT NULL,
    abstract_zh text NOT NULL,
    abstract_en text NOT NULL,
    holder_zh text NOT NULL,
    holder_en text NOT NULL,
    holder_kind text COLLATE "C" NOT NULL,
    fields text[] NOT NULL,
    industry text COLLATE "C" NOT NULL,
    region text COLLATE "C" NOT NULL,
    trl smallint,
    modes text[] NOT NULL,
    listed boolean NOT NULL,
    price_fen bigint,
    published_at_us bigint NOT NULL,
    folded text NOT NULL
);
CREATE UNIQUE INDEX search_document_alive ON search_document (kind, id) WHERE alive;
CREATE INDEX search_document_price ON search_document (price_fen, doc) WHERE alive AND price_fen IS NOT NULL;
CREATE INDEX search_document_id ON search_document (kind, id, version);

-- 16,384 documents a row: 2 kB of bits, large enough that PostgreSQL compresses rare terms, small enough to stay in the row.
-- zone 0: anywhere, 1: in the title, 2: in title or keywords.
CREATE TABLE search_term (
    term text COLLATE "C" NOT NULL,
    zone smallint NOT NULL,
    segment integer NOT NULL,
    documents integer NOT NULL,
    bits bit(16384) NOT NULL,
    PRIMARY KEY (term, zone, segment)
) WITH (toast_tuple_target = 128, fillfactor = 90);
ALTER TABLE search_term ALTER COLUMN bits SET STORAGE MAIN;

CREATE TABLE search_facet (
    facet text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    segment integer NOT NULL,
    bits bit(16384) NOT NULL,
    PRIMARY KEY (facet, value, segment)
) WITH (toast_tuple_target = 128, fillfactor = 50);
ALTER TABLE search_facet ALTER COLUMN bits SET STORAGE MAIN;

CREATE TABLE search_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    next_doc integer NOT NULL
);
INSERT INTO search_state (next_doc) VALUES (0);

-- What waits to be searchable: written in the transaction that publishes, deleted in the one that indexes. Rows, not a cursor:
-- transactions commit in another order than they take numbers, and a cursor would pass over the late one.
CREATE TABLE search_outbox (
    place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    act text COLLATE "C" NOT NULL CHECK (act IN ('publish', 'remove'))
);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON search_document, search_term, search_facet, search_state, search_outbox TO ortoo_writer;
    END IF;
END $$;
