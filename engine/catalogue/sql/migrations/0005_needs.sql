-- Technology needs: one working copy each, numbered published versions, what was done by whom; suggestions that a party does not want.
CREATE TABLE need (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^need-[0-9a-f]{12}$'),
    owner text COLLATE "C" NOT NULL,
    author text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    body bytea NOT NULL,
    draft_version integer NOT NULL DEFAULT 1,
    created_at_us bigint NOT NULL,
    saved_at_us bigint NOT NULL,
    state_at_us bigint NOT NULL,
    published integer NOT NULL DEFAULT 0,
    expires_at_us bigint
);
CREATE INDEX need_owner ON need (owner, saved_at_us DESC, id);
CREATE INDEX need_state ON need (state, state_at_us, id);
CREATE INDEX need_expires ON need (expires_at_us) WHERE state = 'PUBLISHED';

CREATE TABLE need_version (
    id text COLLATE "C" NOT NULL REFERENCES need (id),
    number integer NOT NULL CHECK (number > 0),
    owner text COLLATE "C" NOT NULL,
    published_at_us bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (id, number)
);

CREATE TABLE need_act (
    id text COLLATE "C" NOT NULL REFERENCES need (id),
    number integer NOT NULL,
    act text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    at_us bigint NOT NULL,
    PRIMARY KEY (id, number)
);

-- A party that dismissed a suggestion does not see this pair again.
CREATE TABLE match_dismissal (
    party text COLLATE "C" NOT NULL,
    achievement text COLLATE "C" NOT NULL,
    need text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    PRIMARY KEY (party, achievement, need)
);
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT, UPDATE ON need TO ortoo_writer;
        GRANT SELECT, INSERT ON need_version, need_act TO ortoo_writer;
        GRANT SELECT, INSERT, DELETE ON match_dismissal TO ortoo_writer;
    END IF;
END $$;
