-- Deals: the row is the state now, the history is append-only and chained by digests. Both change in one transaction with the ledger.
ALTER TABLE ledger_account DISABLE TRIGGER ledger_account_fixed;
INSERT INTO ledger_account (account, code, side, floored) VALUES
    ('price_due_back', '2241.08', -1, true),
    ('owed_to_broker', '2241.09', -1, true);
ALTER TABLE ledger_account ENABLE TRIGGER ledger_account_fixed;

CREATE TABLE deal (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^D[ALN]-[a-z0-9][a-z0-9.-]{0,50}$'),
    stream text COLLATE "C" NOT NULL, -- the event of the log that struck it: one process for each
    stream_seq bigint NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    phase text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL, -- who has to act; empty at the end
    seller text COLLATE "C" NOT NULL,
    buyer text COLLATE "C" NOT NULL,
    parties text[] NOT NULL, -- everybody who sees it: seller and all buyers
    price_fen bigint NOT NULL CHECK (price_fen > 0),
    escrow_fen bigint NOT NULL CHECK (escrow_fen >= 0),
    open_fen bigint NOT NULL CHECK (open_fen >= 0),
    virtual_account text COLLATE "C" NOT NULL CONSTRAINT deal_virtual_account UNIQUE,
    struck_at_us bigint NOT NULL,
    since_us bigint NOT NULL,
    deadline_us bigint NOT NULL,
    escalations integer NOT NULL,
    failed_orders integer NOT NULL, -- payments that the bank could not make
    wake_at_us bigint, -- when a clock looks next; null at the end
    work_at_us bigint, -- when the machine tries its own next step; null: it is somebody else's turn
    attempts integer NOT NULL DEFAULT 0,
    body bytea NOT NULL, -- the whole state as canonical JSON: settlement/deals/evolving.py
    digest bytea NOT NULL CHECK (length(digest) = 32), -- of the last event
    CONSTRAINT deal_source UNIQUE (stream, stream_seq)
);
CREATE INDEX deal_parties ON deal USING gin (parties);
CREATE INDEX deal_waiting ON deal (deadline_us, id) WHERE wake_at_us IS NOT NULL;
CREATE INDEX deal_wake ON deal (wake_at_us) WHERE wake_at_us IS NOT NULL;
CREATE INDEX deal_work ON deal (work_at_us) WHERE work_at_us IS NOT NULL;
CREATE INDEX deal_newest ON deal (struck_at_us DESC, id);

CREATE TABLE deal_event (
    deal text COLLATE "C" NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    type text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    act_key text COLLATE "C", -- idempotency key of the act; stands on its first event
    act_digest bytea,
    body bytea NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (deal, seq)
);
CREATE UNIQUE INDEX deal_event_act ON deal_event (deal, act_key) WHERE act_key IS NOT NULL;
CREATE FUNCTION deal_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of deals is append-only';
END $$;
CREATE TRIGGER deal_event_append_only BEFORE UPDATE OR DELETE ON deal_event FOR EACH ROW EXECUTE FUNCTION deal_refuse_change();
CREATE TRIGGER deal_event_no_truncate BEFORE TRUNCATE ON deal_event FOR EACH STATEMENT EXECUTE FUNCTION deal_refuse_change();
-- A deal is never removed, and never becomes another one.
CREATE FUNCTION deal_keep_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'deals are never removed';
    END IF;
    IF (OLD.id, OLD.stream, OLD.stream_seq, OLD.seller, OLD.parties, OLD.price_fen, OLD.virtual_account, OLD.struck_at_us)
        IS DISTINCT FROM
        (NEW.id, NEW.stream, NEW.stream_seq, NEW.seller, NEW.parties, NEW.price_fen, NEW.virtual_account, NEW.struck_at_us) THEN
        RAISE EXCEPTION 'what was struck never changes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deal_identity BEFORE UPDATE OR DELETE ON deal FOR EACH ROW EXECUTE FUNCTION deal_keep_identity();
CREATE TRIGGER deal_no_truncate BEFORE TRUNCATE ON deal FOR EACH STATEMENT EXECUTE FUNCTION deal_keep_identity();

-- Documents that both sides read: the confirmation, the contract's text, the certificate. The digest is what was signed.
CREATE TABLE deal_document (
    deal text COLLATE "C" NOT NULL REFERENCES deal,
    digest text COLLATE "C" NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    kind text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    body bytea NOT NULL CHECK (length(body) <= 1000000),
    PRIMARY KEY (deal, digest)
);
CREATE TRIGGER deal_document_append_only BEFORE UPDATE OR DELETE ON deal_document FOR EACH ROW EXECUTE FUNCTION deal_refuse_change();
CREATE TRIGGER deal_document_no_truncate BEFORE TRUNCATE ON deal_document
    FOR EACH STATEMENT EXECUTE FUNCTION deal_refuse_change();

-- Since when the clocks of deals were looked at without a gap: time in which nobody served is given back.
CREATE TABLE deal_clock (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    alive_at_us bigint NOT NULL
);

CREATE INDEX payout_deal ON payout (deal, created_at_us) WHERE deal <> '';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT ON deal_event, deal_document TO ortoo_writer;
        GRANT SELECT, INSERT, UPDATE ON deal, deal_clock TO ortoo_writer;
    END IF;
END $$;
