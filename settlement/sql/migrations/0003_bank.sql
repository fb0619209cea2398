-- The bank side of deposits. What the bank tells is recorded once before anything is done with it; where its money is stands in
-- bank_item, in exactly one place; what a person has to decide stands in bank_exception with the reason.
CREATE TABLE bank_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('credit', 'debit', 'payout')),
    bank_ref text COLLATE "C" NOT NULL CHECK (length(bank_ref) BETWEEN 0 AND 64), -- ours (line-…) where the bank gives none
    told_ref boolean NOT NULL, -- the reference is the bank's own
    order_id text COLLATE "C" NOT NULL DEFAULT '',
    state text COLLATE "C" NOT NULL DEFAULT '', -- of a payout
    reason text NOT NULL DEFAULT '', -- of a payout that failed
    booked_at_us bigint NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen >= 0),
    other_name text NOT NULL,
    other_account text NOT NULL,
    virtual_account text NOT NULL,
    purpose text NOT NULL,
    source text COLLATE "C" NOT NULL CHECK (source IN ('callback', 'statement')), -- who told it first
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32), -- day, direction, amount, other side: what both sources tell
    raw_digest bytea NOT NULL CHECK (length(raw_digest) = 32), -- SHA-256 of the body or line as it came
    recorded_at_us bigint NOT NULL
);
CREATE UNIQUE INDEX bank_event_ref ON bank_event (bank_ref) WHERE kind = 'credit';
CREATE INDEX bank_event_fingerprint ON bank_event (fingerprint);
CREATE INDEX bank_event_booked ON bank_event (booked_at_us, id);
CREATE INDEX bank_event_order ON bank_event (order_id) WHERE order_id <> '';

-- Every name under which something was told: the identity of an event. `key`: credit:<ref>, payout:<order>:<state>, line:<digest>:<n>.
CREATE TABLE bank_sighting (
    key text COLLATE "C" PRIMARY KEY,
    event bigint NOT NULL REFERENCES bank_event,
    source text COLLATE "C" NOT NULL CHECK (source IN ('callback', 'statement')),
    at_us bigint NOT NULL
);
CREATE INDEX bank_sighting_event ON bank_sighting (event, source);

CREATE TABLE bank_item (
    event bigint PRIMARY KEY REFERENCES bank_event,
    place text COLLATE "C" NOT NULL CHECK (place IN ('pending', 'deposit', 'suspense', 'returned', 'none')),
    deposit_id text COLLATE "C" NOT NULL DEFAULT '',
    acted_at_us bigint
);
CREATE INDEX bank_item_pending ON bank_item (event) WHERE place = 'pending';

CREATE TABLE bank_exception (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event bigint REFERENCES bank_event, -- null: a message that could not be understood
    outcome text COLLATE "C" NOT NULL,
    reasons text[] NOT NULL,
    candidates text[] NOT NULL,
    note text NOT NULL DEFAULT '' CHECK (length(note) <= 500),
    has_money boolean NOT NULL, -- the event's money waits in suspense for the decision
    state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'waiting', 'closed')),
    version integer NOT NULL DEFAULT 1,
    opened_at_us bigint NOT NULL,
    changed_at_us bigint NOT NULL,
    changed_by text COLLATE "C" NOT NULL,
    digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32) -- of what it is about: the same trouble is one row
);
CREATE INDEX bank_exception_queue ON bank_exception (state, opened_at_us, id);

CREATE TABLE bank_exception_act (
    exception bigint NOT NULL REFERENCES bank_exception,
    version integer NOT NULL, -- after the act
    at_us bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    act text COLLATE "C" NOT NULL,
    reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
    deposit_id text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (exception, version)
);

CREATE TABLE bank_statement (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_digest bytea NOT NULL UNIQUE CHECK (length(file_digest) = 32), -- the same file is one statement
    file_name text NOT NULL CHECK (length(file_name) <= 200),
    layout text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    opening_fen bigint, -- null: the file does not say
    closing_fen bigint,
    lines integer NOT NULL,
    imported_at_us bigint NOT NULL,
    actor text COLLATE "C" NOT NULL
);
CREATE INDEX bank_statement_days ON bank_statement (first_day, last_day);

-- Lines of all statements, each once however often its file is imported.
CREATE TABLE bank_statement_line (
    key text COLLATE "C" PRIMARY KEY, -- ref:<credit or debit>:<reference> or line:<digest>:<number among equal lines of a day>
    statement bigint NOT NULL REFERENCES bank_statement,
    line integer NOT NULL,
    day date NOT NULL,
    booked_at_us bigint NOT NULL,
    income_fen bigint NOT NULL CHECK (income_fen >= 0),
    expense_fen bigint NOT NULL CHECK (expense_fen >= 0),
    balance_fen bigint,
    event bigint NOT NULL REFERENCES bank_event
);
CREATE INDEX bank_statement_line_day ON bank_statement_line (day, statement, line);
CREATE INDEX bank_statement_line_event ON bank_statement_line (event);

CREATE TABLE bank_nonce (
    nonce text COLLATE "C" PRIMARY KEY,
    seen_at_us bigint NOT NULL
);
CREATE INDEX bank_nonce_seen ON bank_nonce (seen_at_us);

-- Payments to carry to the bank's counter (settlement/bank/by_hand.py).
CREATE TABLE bank_payment (
    order_id text COLLATE "C" PRIMARY KEY CHECK (length(order_id) BETWEEN 1 AND 64),
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    payee_name text NOT NULL,
    payee_account text NOT NULL,
    purpose text NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    ordered_at_us bigint NOT NULL,
    file bigint, -- null: in no file yet
    state text COLLATE "C" NOT NULL DEFAULT 'accepted' CHECK (state IN ('accepted', 'settled', 'failed')),
    reason text NOT NULL DEFAULT '',
    bank_ref text NOT NULL DEFAULT '',
    booked_at_us bigint NOT NULL DEFAULT 0
);
CREATE INDEX bank_payment_open ON bank_payment (ordered_at_us, order_id) WHERE state = 'accepted';
CREATE TABLE bank_payment_file (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_at_us bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    payments integer NOT NULL,
    amount_fen bigint NOT NULL
);

-- Money without a reference is looked for by its sum (settlement/bank/candidates.py).
CREATE INDEX deposit_amount ON deposit (amount_fen, due_at_us);

CREATE FUNCTION bank_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what the bank told, and what was decided about it, is append-only';
END $$;
DO $$
DECLARE
    named text;
BEGIN
    FOREACH named IN ARRAY ARRAY['bank_event', 'bank_sighting', 'bank_exception_act', 'bank_statement', 'bank_statement_line'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION bank_refuse_change()', named);
        EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION bank_refuse_change()', named);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT ON bank_event, bank_sighting, bank_exception_act, bank_statement, bank_statement_line TO ortoo_writer;
        GRANT SELECT, INSERT, UPDATE ON bank_item, bank_exception, bank_payment, bank_payment_file TO ortoo_writer;
        GRANT SELECT, INSERT, DELETE ON bank_nonce TO ortoo_writer;
    END IF;
END $$;
