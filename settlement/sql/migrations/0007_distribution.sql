-- Distribution of income: policies of units by version, plans by round. The history is append-only and chained by digests.
CREATE TABLE distribution_policy (
    party text COLLATE "C" NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    body bytea NOT NULL, -- the policy as canonical JSON
    proposed_by text COLLATE "C" NOT NULL,
    proposed_at_us bigint NOT NULL,
    approved_by text COLLATE "C" CHECK (approved_by <> proposed_by), -- by another member
    approved_at_us bigint,
    digest bytea NOT NULL CHECK (length(digest) = 32), -- chained: settlement/distribution/store.py
    PRIMARY KEY (party, version),
    CHECK ((approved_by IS NULL) = (approved_at_us IS NULL))
);
CREATE TABLE distribution_plan (
    id text COLLATE "C" PRIMARY KEY,
    party text COLLATE "C" NOT NULL,
    deal text COLLATE "C" NOT NULL REFERENCES deal,
    round integer NOT NULL CHECK (round > 0),
    seq integer NOT NULL CHECK (seq > 0),
    state text COLLATE "C" NOT NULL CHECK (state IN ('proposed', 'returned', 'publicity', 'objected', 'paid')),
    income_fen bigint NOT NULL CHECK (income_fen > 0),
    at_us bigint NOT NULL,
    body bytea NOT NULL, -- the whole state as canonical JSON: settlement/distribution/plan.py
    digest bytea NOT NULL CHECK (length(digest) = 32), -- of the last event
    UNIQUE (deal, round)
);
CREATE INDEX distribution_plan_party ON distribution_plan (party, at_us DESC, id);
CREATE UNIQUE INDEX distribution_plan_one ON distribution_plan (deal) WHERE state IN ('proposed', 'publicity', 'objected');
CREATE TABLE distribution_event (
    plan text COLLATE "C" NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    type text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    body bytea NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (plan, seq)
);
CREATE FUNCTION distribution_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of distribution is append-only';
END $$;
CREATE TRIGGER distribution_event_append_only BEFORE UPDATE OR DELETE ON distribution_event
    FOR EACH ROW EXECUTE FUNCTION distribution_refuse_change();
CREATE TRIGGER distribution_event_no_truncate BEFORE TRUNCATE ON distribution_event
    FOR EACH STATEMENT EXECUTE FUNCTION distribution_refuse_change();
-- A policy's version never changes but by its approval, once.
CREATE FUNCTION distribution_policy_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'policies are never removed';
    END IF;
    IF OLD.approved_by IS NOT NULL OR (OLD.party, OLD.version, OLD.body, OLD.proposed_by, OLD.proposed_at_us, OLD.digest)
        IS DISTINCT FROM (NEW.party, NEW.version, NEW.body, NEW.proposed_by, NEW.proposed_at_us, NEW.digest) THEN
        RAISE EXCEPTION 'a version of a policy never changes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER distribution_policy_fixed BEFORE UPDATE OR DELETE ON distribution_policy
    FOR EACH ROW EXECUTE FUNCTION distribution_policy_keep();
CREATE TRIGGER distribution_policy_no_truncate BEFORE TRUNCATE ON distribution_policy
    FOR EACH STATEMENT EXECUTE FUNCTION distribution_policy_keep();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT ON distribution_event TO ortoo_writer;
        GRANT SELECT, INSERT, UPDATE ON distribution_policy, distribution_plan TO ortoo_writer;
    END IF;
END $$;
