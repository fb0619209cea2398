-- Accounts and what lets them in. Instants are microseconds since 1970. Columns: gateway/accounts/model.py.
CREATE TABLE account (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^p[0-9a-f]{16}$'),
    login text COLLATE "C" NOT NULL CONSTRAINT account_login UNIQUE CHECK (length(login) BETWEEN 3 AND 60),
    display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 60),
    role text COLLATE "C" NOT NULL CHECK (role IN ('bidder', 'seller', 'operator', 'supervisor')),
    language text COLLATE "C" NOT NULL CHECK (language IN ('zh', 'en')),
    password_hash text NOT NULL,
    created_at_us bigint NOT NULL,
    disabled_at_us bigint
);

-- Logins. The cookie's value is never stored, only its SHA-256.
CREATE TABLE web_session (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    account text COLLATE "C" NOT NULL REFERENCES account,
    csrf text NOT NULL,
    created_at_us bigint NOT NULL,
    expires_at_us bigint NOT NULL,
    seen_at_us bigint NOT NULL
);
CREATE INDEX web_session_account ON web_session (account);
CREATE INDEX web_session_expiry ON web_session (expires_at_us);

-- Tokens for programs: `id.secret`; the secret is 256 random bits, so a plain SHA-256 of it is enough.
CREATE TABLE api_token (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^t[0-9a-f]{16}$'),
    account text COLLATE "C" NOT NULL REFERENCES account,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    secret_digest bytea NOT NULL CHECK (length(secret_digest) = 32),
    scopes text[] NOT NULL CHECK (scopes <@ ARRAY['read', 'bid', 'desk'] AND cardinality(scopes) > 0),
    created_at_us bigint NOT NULL,
    expires_at_us bigint NOT NULL,
    used_at_us bigint,
    revoked_at_us bigint
);
CREATE INDEX api_token_account ON api_token (account, created_at_us DESC);

-- Failed logins by (name, network); an empty name counts a whole network. Names are kept as digests: people type passwords there.
CREATE TABLE login_attempt (
    name_digest bytea NOT NULL,
    network text COLLATE "C" NOT NULL,
    failures integer NOT NULL,
    last_at_us bigint NOT NULL,
    next_at_us bigint NOT NULL,
    PRIMARY KEY (name_digest, network)
);
CREATE INDEX login_attempt_age ON login_attempt (last_at_us);

-- What was taken back, in commit order: the row of the head is locked until its transaction ends, so no version appears late.
CREATE TABLE revocation_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint NOT NULL
);
INSERT INTO revocation_head (version) VALUES (0);
CREATE TABLE revocation (
    version bigint PRIMARY KEY,
    at_us bigint NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('session', 'token', 'account')),
    subject text COLLATE "C" NOT NULL
);

-- Who did what to accounts and lots, when, from where, with which result. Append-only.
CREATE TABLE audit_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_us bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    act text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    network text COLLATE "C" NOT NULL,
    result text COLLATE "C" NOT NULL
);
CREATE INDEX audit_actor ON audit_entry (actor, at_us DESC);
CREATE INDEX audit_subject ON audit_entry (subject, at_us DESC);
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
