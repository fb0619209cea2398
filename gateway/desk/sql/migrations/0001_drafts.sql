-- Lots in preparation, as the form was filled in.
CREATE TABLE lot_draft (
    id text COLLATE "C" PRIMARY KEY,
    author text COLLATE "C" NOT NULL,
    form jsonb NOT NULL,
    saved_at_us bigint NOT NULL,
    version integer NOT NULL DEFAULT 1
);
