-- The ledger. Append-only by permission (role ortoo_writer) and by trigger; every entry balances when its transaction commits.
-- Amounts are fen: positive debit, negative credit. Meaning of the accounts: settlement/ledger/chart.py.
CREATE TABLE ledger_account (
    account text COLLATE "C" PRIMARY KEY,
    code text COLLATE "C" NOT NULL UNIQUE,
    side smallint NOT NULL CHECK (side IN (1, -1)), -- 1 debit, -1 credit
    floored boolean NOT NULL
);
INSERT INTO ledger_account (account, code, side, floored) VALUES
    ('bank', '1002', 1, false),
    ('fee_due', '1122', 1, true),
    ('suspense', '2241.01', -1, true),
    ('deposit_received', '2241.02', -1, true),
    ('deposit_held', '2241.03', -1, true),
    ('deposit_due_back', '2241.04', -1, true),
    ('payout_clearing', '2241.05', -1, true),
    ('price_escrow', '2241.06', -1, true),
    ('owed_to_seller', '2241.07', -1, true),
    ('tax_payable', '2221', -1, true),
    ('fee_income', '6051.01', -1, false),
    ('forfeit_income', '6301.01', -1, false);

CREATE TABLE ledger_entry (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entry_key text COLLATE "C" NOT NULL CONSTRAINT ledger_entry_key UNIQUE CHECK (length(entry_key) BETWEEN 1 AND 200),
    fact text COLLATE "C" NOT NULL, -- what happened: settlement/ledger/postings.py
    at_us bigint NOT NULL, -- when the market recorded it
    subject text COLLATE "C" NOT NULL, -- stream name it belongs to, such as listing/abc; empty for none
    note text NOT NULL DEFAULT '' CHECK (length(note) <= 500),
    lines smallint NOT NULL CHECK (lines >= 2),
    digest bytea NOT NULL CHECK (length(digest) = 32) -- of fact and lines, so that a key used for something else is refused
);
CREATE INDEX ledger_entry_time ON ledger_entry (at_us, number);

-- Dimensions are empty strings where they do not apply; (account, party, deposit, deal, reference) names a sub-account.
CREATE TABLE ledger_line (
    entry bigint NOT NULL REFERENCES ledger_entry,
    line smallint NOT NULL CHECK (line > 0),
    account text COLLATE "C" NOT NULL REFERENCES ledger_account,
    party text COLLATE "C" NOT NULL,
    deposit text COLLATE "C" NOT NULL,
    deal text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL, -- bank reference or payout order
    amount_fen bigint NOT NULL CHECK (amount_fen <> 0),
    PRIMARY KEY (entry, line)
);
CREATE INDEX ledger_line_account ON ledger_line (account, entry);
CREATE INDEX ledger_line_party ON ledger_line (party, entry) WHERE party <> '';
CREATE INDEX ledger_line_deposit ON ledger_line (deposit, entry) WHERE deposit <> '';
CREATE INDEX ledger_line_deal ON ledger_line (deal, entry) WHERE deal <> '';

-- Balances of the sub-accounts that may not be overdrawn, on their usual side. Kept by trigger only; always the sum of the lines.
CREATE TABLE ledger_balance (
    account text COLLATE "C" NOT NULL REFERENCES ledger_account,
    party text COLLATE "C" NOT NULL,
    deposit text COLLATE "C" NOT NULL,
    deal text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    balance_fen bigint NOT NULL CONSTRAINT ledger_not_overdrawn CHECK (balance_fen >= 0),
    PRIMARY KEY (account, party, deposit, deal, reference)
);

-- The row of the sub-account is locked by the UPDATE until the transaction ends, so two postings cannot spend the same money.
CREATE FUNCTION ledger_keep_balance() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    kind ledger_account;
BEGIN
    SELECT * INTO kind FROM ledger_account WHERE account = NEW.account;
    IF kind.floored THEN
        INSERT INTO ledger_balance VALUES (NEW.account, NEW.party, NEW.deposit, NEW.deal, NEW.reference, 0) ON CONFLICT DO NOTHING;
        UPDATE ledger_balance SET balance_fen = balance_fen + kind.side * NEW.amount_fen
        WHERE (account, party, deposit, deal, reference) = (NEW.account, NEW.party, NEW.deposit, NEW.deal, NEW.reference);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_line_balance AFTER INSERT ON ledger_line FOR EACH ROW EXECUTE FUNCTION ledger_keep_balance();

-- At the commit: as many lines as the entry says, at least two, summing to zero. A line added later to an old entry breaks it.
CREATE FUNCTION ledger_check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted bigint;
    said smallint;
    counted bigint;
    total numeric;
BEGIN
    wanted := CASE TG_TABLE_NAME WHEN 'ledger_entry' THEN (to_jsonb(NEW) ->> 'number')::bigint ELSE (to_jsonb(NEW) ->> 'entry')::bigint END;
    SELECT lines INTO said FROM ledger_entry WHERE number = wanted;
    SELECT count(*), coalesce(sum(amount_fen), 0) INTO counted, total FROM ledger_line WHERE entry = wanted;
    IF counted <> said OR total <> 0 THEN
        RAISE EXCEPTION 'ledger entry % does not balance: % of % lines, sum % fen', wanted, counted, said, total
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_entry_balances AFTER INSERT ON ledger_entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_check_entry();
CREATE CONSTRAINT TRIGGER ledger_line_balances AFTER INSERT ON ledger_line DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_check_entry();

CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END $$;
CREATE TRIGGER ledger_entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_entry_no_truncate BEFORE TRUNCATE ON ledger_entry FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_line_append_only BEFORE UPDATE OR DELETE ON ledger_line FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_line_no_truncate BEFORE TRUNCATE ON ledger_line FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_account_fixed BEFORE UPDATE OR DELETE ON ledger_account FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_account_no_truncate BEFORE TRUNCATE ON ledger_account FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
-- A balance moves with a line and in no other way: a change outside of a trigger is refused.
CREATE FUNCTION ledger_refuse_direct_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_trigger_depth() < 2 OR TG_OP IN ('DELETE', 'TRUNCATE') THEN
        RAISE EXCEPTION 'balances follow from the lines of the ledger';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_balance_follows BEFORE INSERT OR UPDATE OR DELETE ON ledger_balance
    FOR EACH ROW EXECUTE FUNCTION ledger_refuse_direct_balance();
CREATE TRIGGER ledger_balance_no_truncate BEFORE TRUNCATE ON ledger_balance
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_direct_balance();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ortoo_writer') THEN
        GRANT SELECT, INSERT ON ledger_entry, ledger_line TO ortoo_writer;
        GRANT SELECT ON ledger_account, ledger_balance TO ortoo_writer;
    END IF;
END $$;
