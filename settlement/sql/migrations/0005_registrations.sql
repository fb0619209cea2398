-- Contracts and their registration. Rows are the state now; the history is append-only and chained by digests, both in one transaction.
CREATE TABLE registry_event (
    stream text COLLATE "C" NOT NULL CHECK (stream ~ '^(contract|registration)/[A-Za-z0-9][A-Za-z0-9._-]{0,79}$'),
    seq integer NOT NULL CHECK (seq > 0),
    type text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    act_key text COLLATE "C", -- idempotency key of the act; stands on its first event
    act_digest bytea,
    body bytea NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (stream, seq)
);
CREATE UNIQUE INDEX registry_event_act ON registry_event (stream, act_key) WHERE act_key IS NOT NULL;
CREATE FUNCTION registry_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of contracts and registrations is append-only';
END $$;
CREATE TRIGGER registry_event_append_only BEFORE UPDATE OR DELETE ON registry_event
    FOR EACH ROW EXECUTE FUNCTION registry_refuse_change();
CREATE TRIGGER registry_event_no_truncate BEFORE TRUNCATE ON registry_event
    FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse_change();

CREATE TABLE contract (
    id text COLLATE "C" PRIMARY KEY,
    seq integer NOT NULL CHECK (seq > 0),
    state text COLLATE "C" NOT NULL CHECK (state IN ('draft', 'signed', 'rescinded', 'annulled')),
    deal text COLLATE "C" NOT NULL CONSTRAINT contract_deal UNIQUE,
    seller text COLLATE "C" NOT NULL,
    buyer text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    changed_at_us bigint NOT NULL,
    body bytea NOT NULL, -- the whole state as canonical JSON: settlement/contracts/life.py
    digest bytea NOT NULL CHECK (length(digest) = 32) -- of the last event
);
CREATE INDEX contract_seller ON contract (seller, id);
CREATE INDEX contract_buyer ON contract (buyer, id);

-- What a party said once for the registration form and the register of parties does not hold.
CREATE TABLE registration_profile (
    party text COLLATE "C" PRIMARY KEY,
    body bytea NOT NULL,
    said_by text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL
);

CREATE TABLE registration (
    id text COLLATE "C" PRIMARY KEY,
    seq integer NOT NULL CHECK (seq > 0),
    state text COLLATE "C" NOT NULL CHECK (state IN ('draft', 'submitted', 'pre_check', 'returned', 'resubmitted', 'accepted',
        'first_review', 'expert_review', 'second_review', 'registered', 'refused', 'changed', 'cancelled', 'revoked', 'objected', 'archived')),
    deal text COLLATE "C" NOT NULL CONSTRAINT registration_deal UNIQUE, -- a deal is registered once (D11)
    contract text COLLATE "C" NOT NULL REFERENCES contract,
    applicant text COLLATE "C" NOT NULL,
    region text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    total_fen bigint NOT NULL,
    technical_fen bigint NOT NULL CHECK (technical_fen BETWEEN 0 AND total_fen),
    number text COLLATE "C" CONSTRAINT registration_number UNIQUE,
    due_at_us bigint NOT NULL, -- end of the registrar's clock; 0: none runs
    due_certain boolean NOT NULL,
    state_since_us bigint NOT NULL,
    registered_at_us bigint NOT NULL,
    body bytea NOT NULL, -- the whole state as canonical JSON: settlement/registration/evolving.py
    digest bytea NOT NULL CHECK (length(digest) = 32)
);
CREATE INDEX registration_applicant ON registration (applicant, id);
CREATE INDEX registration_contract ON registration (contract);
CREATE INDEX registration_queue ON registration (state, state_since_us, id)
    WHERE state NOT IN ('draft', 'registered', 'refused', 'changed', 'cancelled', 'revoked', 'archived');
CREATE INDEX registration_done ON registration (state, state_since_us, id);
CREATE INDEX registration_clock ON registration (due_at_us) WHERE due_at_us > 0;
-- A registration is never removed, never becomes another deal's, and keeps its number once it has one.
CREATE FUNCTION registration_keep_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'registrations are never removed';
    END IF;
    IF (OLD.id, OLD.deal, OLD.contract, OLD.applicant) IS DISTINCT FROM (NEW.id, NEW.deal, NEW.contract, NEW.applicant)
        OR OLD.number IS NOT NULL AND OLD.number IS DISTINCT FROM NEW.number THEN
        RAISE EXCEPTION 'the deal, the applicant and the number of a registration never change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER registration_identity BEFORE UPDATE OR DELETE ON registration FOR EACH ROW EXECUTE FUNCTION registration_keep_identity();
CREATE TRIGGER registration_no_truncate BEFORE TRUNCATE ON registration FOR EACH STATEMENT EXECUTE FUNCTION registration_keep_identity();

-- Packages as they were handed in, and certificates as they were issued or came back: kept, not made again.
CREATE TABLE registration_document (
    registration text COLLATE "C" NOT NULL REFERENCES registration,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('package', 'certificate')),
    revision integer NOT NULL,
    body bytea NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32), -- SHA-256 of the body
    at_us bigint NOT NULL,
    PRIMARY KEY (registration, kind, revision)
);
CREATE TRIGGER registration_document_append_only BEFORE UPDATE OR DELETE ON registration_document
    FOR EACH ROW EXECUTE FUNCTION registry_refuse_change();

-- The market's own series of numbers, where the registrar let it have one: last serial of a year and prefix.
CREATE TABLE registration_series (
    prefix text COLLATE "C" PRIMARY KEY CHECK (prefix ~ '^[0-9]{10}$'),
    serial integer NOT NULL CHECK (serial BETWEEN 0 AND 999999)
);

-- The feed to an outside registrar. Positions are given under a row lock, so a reader with a cursor never meets a gap that fills later.
CREATE TABLE registrar_feed_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL
);
INSERT INTO registrar_feed_head (position) VALUES (0);
CREATE TABLE registrar_message (
    position bigint PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE, -- idempotency key
    registration text COLLATE "C" NOT NULL REFERENCES registration,
    revision integer NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('submitted', 'registered', 'changed', 'cancelled', 'revoked')),
    body bytea NOT NULL,
    at_us bigint NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead', 'kept')),
    attempts integer NOT NULL DEFAULT 0,
    next_at_us bigint NOT NULL,
    problem text NOT NULL DEFAULT '',
    changed_at_us bigint NOT NULL
);
CREATE INDEX registrar_message_waiting ON registrar_message (next_at_us) WHERE state = 'waiting';
CREATE INDEX registrar_message_order ON registrar_message (registration, position) WHERE state IN ('waiting', 'dead');
CREATE INDEX registrar_message_dead ON registrar_message (changed_at_us, position) WHERE state = 'dead';
-- What outside systems answered, each message once.
CREATE TABLE registrar_answer (
    id text COLLATE "C" PRIMARY KEY,
    system text COLLATE "C" NOT NULL,
    registration text COLLATE "C" NOT NULL,
    answer text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    body_digest bytea NOT NULL CHECK (length(body_digest) = 32),
    at_us bigint NOT NULL
);
CREATE INDEX registrar_answer_registration ON registrar_answer (registration, at_us);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT ON registry_event, registration_document, registrar_answer TO ortoo_writer;
        GRANT SELECT, INSERT, UPDATE ON contract, registration_profile, registration, registration_series, registrar_feed_head,
            registrar_message TO ortoo_writer;
    END IF;
END $$;
