-- Deposits: the row is the state now, the history is append-only and chained by digests. Both change in one transaction with the ledger.
CREATE TABLE deposit (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$'),
    seq integer NOT NULL CHECK (seq > 0),
    state text COLLATE "C" NOT NULL CHECK (state IN ('required', 'paid', 'held', 'release_due', 'releasing', 'released', 'converted',
        'forfeit_pending', 'forfeited', 'partly_deducted', 'lapsed')),
    subject text COLLATE "C" NOT NULL,
    party text COLLATE "C" NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    received_fen bigint NOT NULL CHECK (received_fen BETWEEN 0 AND amount_fen),
    virtual_account text COLLATE "C" NOT NULL CONSTRAINT deposit_virtual_account UNIQUE,
    due_at_us bigint NOT NULL,
    lapses_at_us bigint NOT NULL, -- due, and the time the bank has to tell of payments in time
    release_from_us bigint NOT NULL,
    release_by_us bigint NOT NULL,
    release_certain boolean NOT NULL,
    blocked boolean NOT NULL,
    held boolean NOT NULL,
    appeal_until_us bigint NOT NULL,
    appeal_open boolean NOT NULL,
    takes_itself boolean NOT NULL, -- forfeited without anybody's doing when the appeal window is over
    checked_at_us bigint NOT NULL DEFAULT 0, -- a worker looked at it and an operator has to decide (payer, holiday table)
    state_since_us bigint NOT NULL,
    body bytea NOT NULL, -- the whole state as canonical JSON: settlement/deposits/evolving.py
    digest bytea NOT NULL CHECK (length(digest) = 32) -- of the last event
);
CREATE INDEX deposit_party ON deposit (party, id);
CREATE INDEX deposit_subject ON deposit (subject, id);
CREATE INDEX deposit_missing ON deposit ((amount_fen - received_fen)) WHERE state = 'required';
CREATE INDEX deposit_open ON deposit (state, id) WHERE state NOT IN ('released', 'forfeited', 'partly_deducted', 'lapsed', 'converted');

CREATE TABLE deposit_event (
    deposit text COLLATE "C" NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    type text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    act_key text COLLATE "C", -- idempotency key of the act; stands on its first event
    act_digest bytea,
    body bytea NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (deposit, seq)
);
CREATE UNIQUE INDEX deposit_event_act ON deposit_event (deposit, act_key) WHERE act_key IS NOT NULL;
CREATE FUNCTION deposit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of deposits is append-only';
END $$;
CREATE TRIGGER deposit_event_append_only BEFORE UPDATE OR DELETE ON deposit_event
    FOR EACH ROW EXECUTE FUNCTION deposit_refuse_change();
CREATE TRIGGER deposit_event_no_truncate BEFORE TRUNCATE ON deposit_event
    FOR EACH STATEMENT EXECUTE FUNCTION deposit_refuse_change();
-- A deposit is never removed, and never becomes somebody else's or another sum.
CREATE FUNCTION deposit_keep_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'deposits are never removed';
    END IF;
    IF (OLD.id, OLD.subject, OLD.party, OLD.amount_fen, OLD.virtual_account)
        IS DISTINCT FROM (NEW.id, NEW.subject, NEW.party, NEW.amount_fen, NEW.virtual_account) THEN
        RAISE EXCEPTION 'what a deposit is for, whose it is and its amount never change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deposit_identity BEFORE UPDATE OR DELETE ON deposit FOR EACH ROW EXECUTE FUNCTION deposit_keep_identity();
CREATE TRIGGER deposit_no_truncate BEFORE TRUNCATE ON deposit FOR EACH STATEMENT EXECUTE FUNCTION deposit_keep_identity();

-- What the engine has to be told until it has answered. Written with the state change.
CREATE TABLE deposit_told (
    deposit text COLLATE "C" NOT NULL REFERENCES deposit,
    news text COLLATE "C" NOT NULL CHECK (news IN ('held', 'lapsed')),
    at_us bigint NOT NULL,
    told_at_us bigint,
    attempts integer NOT NULL DEFAULT 0,
    next_at_us bigint NOT NULL,
    PRIMARY KEY (deposit, news)
);
CREATE INDEX deposit_told_waiting ON deposit_told (next_at_us) WHERE told_at_us IS NULL;

-- Orders to the bank: written with the state change, sent until there is an answer. One order id pays once, for ever.
CREATE TABLE payout (
    order_id text COLLATE "C" PRIMARY KEY CHECK (length(order_id) BETWEEN 1 AND 64),
    kind text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL REFERENCES ledger_account, -- the sub-account the money comes out of
    party text COLLATE "C" NOT NULL,
    deposit text COLLATE "C" NOT NULL,
    deal text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    payee_name text NOT NULL,
    payee_account text NOT NULL,
    purpose text NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('ordered', 'sent', 'accepted', 'settled', 'failed', 'replaced')),
    reason text NOT NULL DEFAULT '',
    bank_ref text NOT NULL DEFAULT '',
    booked_at_us bigint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    next_at_us bigint NOT NULL,
    created_at_us bigint NOT NULL,
    changed_at_us bigint NOT NULL,
    instead_of text COLLATE "C" CONSTRAINT payout_reissued_once UNIQUE REFERENCES payout -- a failed order has one successor
);
CREATE INDEX payout_waiting ON payout (next_at_us, order_id) WHERE state IN ('ordered', 'sent', 'accepted');
CREATE INDEX payout_failed ON payout (created_at_us, order_id) WHERE state = 'failed';
CREATE INDEX payout_deposit ON payout (deposit, created_at_us);
-- Who gets which sum is fixed when the order is written: another payee is another order. A settled or replaced order never changes.
CREATE FUNCTION payout_keep_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.state IN ('settled', 'replaced') AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'orders to the bank are kept';
    END IF;
    IF (OLD.order_id, OLD.account, OLD.party, OLD.deposit, OLD.deal, OLD.reference, OLD.amount_fen, OLD.payee_name, OLD.payee_account)
        IS DISTINCT FROM (NEW.order_id, NEW.account, NEW.party, NEW.deposit, NEW.deal, NEW.reference, NEW.amount_fen, NEW.payee_name,
        NEW.payee_account) THEN
        RAISE EXCEPTION 'an order to the bank never changes: write another one';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payout_fixed BEFORE UPDATE OR DELETE ON payout FOR EACH ROW EXECUTE FUNCTION payout_keep_order();
CREATE TRIGGER payout_no_truncate BEFORE TRUNCATE ON payout FOR EACH STATEMENT EXECUTE FUNCTION payout_keep_order();

-- What an event of the log asked for and the rules of deposits refused: an operator looks at it. Nothing is passed over in silence.
CREATE TABLE settlement_problem (
    stream text COLLATE "C" NOT NULL,
    stream_seq bigint NOT NULL,
    deposit text COLLATE "C" NOT NULL,
    wanted text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    closed_at_us bigint,
    closed_by text COLLATE "C",
    note text NOT NULL DEFAULT '',
    PRIMARY KEY (stream, stream_seq, deposit)
);
CREATE INDEX settlement_problem_open ON settlement_problem (at_us) WHERE closed_at_us IS NULL;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT ON deposit_event TO ortoo_writer;
        GRANT SELECT, INSERT, UPDATE ON deposit, deposit_told, payout, settlement_problem TO ortoo_writer;
    END IF;
END $$;
