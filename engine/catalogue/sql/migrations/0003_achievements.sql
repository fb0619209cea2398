-- Achievements: one working copy each, numbered versions that nobody changes, what was done by whom, who signed, files.
CREATE TABLE achievement (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^ach-[0-9a-f]{12}$'),
    owner text COLLATE "C" NOT NULL,
    author text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    record bytea NOT NULL,
    draft_version integer NOT NULL DEFAULT 1,
    created_at_us bigint NOT NULL,
    saved_at_us bigint NOT NULL,
    state_at_us bigint NOT NULL,
    published integer NOT NULL DEFAULT 0 CHECK (published >= 0)
);
CREATE INDEX achievement_owner ON achievement (owner, saved_at_us DESC, id);
CREATE INDEX achievement_state ON achievement (state, state_at_us, id);

-- The digest of a version covers its header, its body and the digest of the version before (engine/catalogue/achievements/versions.py).
CREATE TABLE achievement_version (
    id text COLLATE "C" NOT NULL REFERENCES achievement (id),
    number integer NOT NULL CHECK (number > 0),
    owner text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    published_at_us bigint NOT NULL,
    body bytea NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (id, number)
);
CREATE INDEX achievement_version_when ON achievement_version (published_at_us DESC, id);

CREATE TABLE achievement_act (
    id text COLLATE "C" NOT NULL REFERENCES achievement (id),
    number integer NOT NULL CHECK (number > 0),
    act text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    party text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    at_us bigint NOT NULL,
    PRIMARY KEY (id, number)
);

-- Who promised to keep what confidential: `text_digest` names the words, which stand once in achievement_nda_text.
CREATE TABLE achievement_nda_text (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    body text NOT NULL
);
CREATE TABLE achievement_nda (
    id text COLLATE "C" NOT NULL REFERENCES achievement (id),
    party text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    text_digest bytea NOT NULL REFERENCES achievement_nda_text (digest),
    signed_at_us bigint NOT NULL,
    PRIMARY KEY (id, party, text_digest)
);
CREATE INDEX achievement_nda_party ON achievement_nda (party, signed_at_us DESC);

-- Files lie in the data directory under their SHA-256; several attachments may be the same bytes.
CREATE TABLE attachment (
    id text COLLATE "C" PRIMARY KEY,
    owner text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    author text COLLATE "C" NOT NULL,
    name text NOT NULL,
    media_type text COLLATE "C" NOT NULL,
    size bigint NOT NULL CHECK (size > 0),
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    scan text COLLATE "C" NOT NULL,
    put_at_us bigint NOT NULL,
    unlinked_at_us bigint
);
CREATE INDEX attachment_subject ON attachment (subject, put_at_us, id);
CREATE INDEX attachment_bytes ON attachment (sha256);

CREATE FUNCTION refuse_catalogue_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
DO $$
DECLARE
    one text;
BEGIN
    FOREACH one IN ARRAY ARRAY['achievement_version', 'achievement_act', 'achievement_nda_text', 'achievement_nda'] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION refuse_catalogue_change()',
            one || '_append_only', one);
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_catalogue_change()',
            one || '_no_truncate', one);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT, UPDATE ON achievement, attachment TO ortoo_writer;
        GRANT SELECT, INSERT ON achievement_version, achievement_act, achievement_nda_text, achievement_nda TO ortoo_writer;
    END IF;
END $$;
