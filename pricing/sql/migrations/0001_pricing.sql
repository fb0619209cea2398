-- Pricing: what was observed, what was quoted before anybody knew the outcome, what operators changed, what reviewers decided.
-- Everything is append-only: a quote that could be changed later would prove nothing.
CREATE TABLE pricing_observation (
    seq bigint PRIMARY KEY CHECK (seq > 0), -- gapless: a snapshot is "all rows up to seq"
    ref text COLLATE "C" NOT NULL UNIQUE CHECK (length(ref) BETWEEN 1 AND 120), -- lot/…, listing/…#1: each outcome once
    at_us bigint NOT NULL,
    body text NOT NULL CHECK (length(body) <= 20000),
    digest bytea NOT NULL CHECK (length(digest) = 32), -- of the rows up to this one
    recorded_at_us bigint NOT NULL
);

CREATE TABLE pricing_fit (
    number bigint PRIMARY KEY CHECK (number > 0),
    head bigint NOT NULL CHECK (head >= 0), -- fitted on the observations up to here
    edits bigint NOT NULL CHECK (edits >= 0),
    code text COLLATE "C" NOT NULL CHECK (length(code) = 64), -- SHA-256 of the program's pricing code
    seed bigint NOT NULL,
    metrics text NOT NULL, -- JSON
    champion boolean NOT NULL, -- promoted when it was fitted, by the rule of pricing/learning/promotion.py
    fitted_at_us bigint NOT NULL
);

CREATE TABLE pricing_quote (
    number bigint PRIMARY KEY CHECK (number > 0),
    id text COLLATE "C" NOT NULL UNIQUE CHECK (id ~ '^q[0-9a-f]{16}$'),
    owner text COLLATE "C" NOT NULL CHECK (length(owner) <= 64), -- party that asked
    subject text COLLATE "C" NOT NULL CHECK (length(subject) <= 120), -- achievement/…, empty for a lot described by hand
    wish text NOT NULL CHECK (length(wish) <= 40000), -- what was asked, JSON
    body text NOT NULL CHECK (length(body) <= 400000), -- the quote, JSON
    digest_before bytea NOT NULL CHECK (length(digest_before) = 32),
    digest bytea NOT NULL CHECK (length(digest) = 32), -- SHA-256 of tag, digest before, wish, body
    quoted_at_us bigint NOT NULL
);
CREATE INDEX pricing_quote_owner ON pricing_quote (owner, number DESC);
CREATE INDEX pricing_quote_subject ON pricing_quote (subject, number DESC) WHERE subject <> '';

CREATE TABLE pricing_outcome (
    observation bigint PRIMARY KEY REFERENCES pricing_observation,
    fit bigint NOT NULL REFERENCES pricing_fit, -- the model that forecast it
    mode text COLLATE "C" NOT NULL,
    grade text COLLATE "C" NOT NULL CHECK (grade IN ('A', 'B', 'C', 'D')),
    log_median double precision NOT NULL,
    log_sd double precision NOT NULL,
    log_price double precision, -- null: unsold
    pit double precision CHECK (pit BETWEEN 0 AND 1),
    crps double precision,
    winkler double precision,
    covered boolean,
    quarantined boolean NOT NULL DEFAULT false,
    at_us bigint NOT NULL
);
CREATE INDEX pricing_outcome_at ON pricing_outcome (at_us, observation);

CREATE TABLE pricing_edit (
    number bigint PRIMARY KEY CHECK (number > 0),
    body text NOT NULL CHECK (length(body) <= 4000), -- the change, JSON
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    account text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL
);

CREATE TABLE pricing_case (
    id text COLLATE "C" PRIMARY KEY CHECK (length(id) = 32), -- digest of screen and subjects: the same suspicion is one case
    screen text COLLATE "C" NOT NULL,
    subjects text[] NOT NULL CHECK (cardinality(subjects) BETWEEN 1 AND 10),
    p_value double precision NOT NULL CHECK (p_value BETWEEN 0 AND 1),
    evidence text NOT NULL CHECK (length(evidence) <= 20000), -- JSON rows
    listed boolean NOT NULL, -- on the list for people after control of false discoveries
    opened_at_us bigint NOT NULL
);
CREATE INDEX pricing_case_rank ON pricing_case (p_value, id) WHERE listed;

CREATE TABLE pricing_verdict (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id text COLLATE "C" NOT NULL REFERENCES pricing_case,
    verdict text COLLATE "C" NOT NULL CHECK (verdict IN ('harmless', 'watch', 'referred')),
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    account text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL
);
CREATE INDEX pricing_verdict_case ON pricing_verdict (case_id, number);

CREATE TABLE pricing_decision (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    quote text COLLATE "C" NOT NULL REFERENCES pricing_quote (id),
    body text NOT NULL CHECK (length(body) <= 8000), -- what was chosen, why it departs from the advice, who took part: JSON
    account text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL
);
CREATE INDEX pricing_decision_quote ON pricing_decision (quote, number);

CREATE FUNCTION pricing_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'pricing records are never changed or deleted';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pricing_observation FOR EACH STATEMENT EXECUTE FUNCTION pricing_is_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pricing_fit FOR EACH STATEMENT EXECUTE FUNCTION pricing_is_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pricing_quote FOR EACH STATEMENT EXECUTE FUNCTION pricing_is_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pricing_outcome FOR EACH STATEMENT EXECUTE FUNCTION pricing_is_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pricing_edit FOR EACH STATEMENT EXECUTE FUNCTION pricing_is_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pricing_verdict FOR EACH STATEMENT EXECUTE FUNCTION pricing_is_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pricing_decision FOR EACH STATEMENT EXECUTE FUNCTION pricing_is_append_only();
