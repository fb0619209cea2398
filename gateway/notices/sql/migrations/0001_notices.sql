-- Who objects to a notice and what he wrote: personal data, never in the journal, which holds a salted digest of each row instead.
CREATE TABLE notice_objector (
    objection_id text COLLATE "C" PRIMARY KEY,
    notice text COLLATE "C" NOT NULL,
    secret_digest bytea NOT NULL,
    salt bytea NOT NULL,
    person_key text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    party text COLLATE "C" NOT NULL,
    network text NOT NULL,
    name text NOT NULL,
    id_last4 text NOT NULL,
    contact text NOT NULL,
    relation text NOT NULL,
    ground text COLLATE "C" NOT NULL,
    statement text NOT NULL,
    made_at_us bigint NOT NULL,
    sent_at_us bigint,
    receipt_no text COLLATE "C",
    erased_at_us bigint
);
CREATE INDEX notice_objector_waiting ON notice_objector (made_at_us) WHERE sent_at_us IS NULL;
CREATE INDEX notice_objector_notice ON notice_objector (notice, made_at_us);

-- Members of panels who have no account here; the journal holds the id alone.
CREATE TABLE notice_panellist (
    member_id text COLLATE "C" PRIMARY KEY,
    notice text COLLATE "C" NOT NULL,
    name text NOT NULL,
    office text NOT NULL,
    named_at_us bigint NOT NULL
);

-- Ladders of amounts, every version kept: a notice holds the one that was in force when it was handed in.
CREATE TABLE approval_ladder (
    party text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    ladder jsonb NOT NULL,
    author text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    made_at_us bigint NOT NULL,
    PRIMARY KEY (party, version)
);
