-- Imports of many achievements from one file: the job, and its report line by line.
CREATE TABLE import_job (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^imp-[0-9a-f]{12}$'),
    party text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    name text NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    bytes bigint NOT NULL,
    target text COLLATE "C" NOT NULL CHECK (target IN ('draft', 'publish')),
    choice text COLLATE "C" NOT NULL DEFAULT '' CHECK (choice IN ('', 'all', 'good')),
    state text COLLATE "C" NOT NULL,
    failure text COLLATE "C" NOT NULL DEFAULT '',
    rows_total integer NOT NULL DEFAULT 0,
    rows_good integer NOT NULL DEFAULT 0,
    rows_done integer NOT NULL DEFAULT 0,
    rows_in integer NOT NULL DEFAULT 0,
    created_at_us bigint NOT NULL,
    changed_at_us bigint NOT NULL
);
-- The same bytes of the same party for the same purpose are one job, until it is called off or failed.
CREATE UNIQUE INDEX import_once ON import_job (party, digest, target) WHERE state NOT IN ('FAILED', 'CANCELLED');
CREATE INDEX import_party ON import_job (party, created_at_us DESC);
CREATE INDEX import_waiting ON import_job (created_at_us) WHERE state IN ('CHECKING', 'IMPORTING');

CREATE TABLE import_problem (
    job text COLLATE "C" NOT NULL REFERENCES import_job (id) ON DELETE CASCADE,
    place integer NOT NULL,
    line integer NOT NULL,
    column_key text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    value text NOT NULL,
    blocking boolean NOT NULL,
    PRIMARY KEY (job, place)
);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON import_job, import_problem TO ortoo_writer;
    END IF;
END $$;
