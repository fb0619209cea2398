-- Parties: who trades. Organisations (`o…`) register with a credit code; natural persons (`p…`) have a row once they say who they are.
CREATE TABLE party (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[po][0-9a-f]{16}$'),
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('organisation', 'person')),
    name_zh text NOT NULL CHECK (length(name_zh) BETWEEN 1 AND 200),
    name_en text NOT NULL CHECK (length(name_en) <= 200),
    credit_code text COLLATE "C" CONSTRAINT party_credit_code UNIQUE,
    id_digest bytea CONSTRAINT party_id_number UNIQUE CHECK (length(id_digest) = 32),
    id_last4 text NOT NULL DEFAULT '',
    nature text COLLATE "C" NOT NULL DEFAULT '',
    holder_kind text COLLATE "C" NOT NULL DEFAULT '',
    region text COLLATE "C" NOT NULL DEFAULT '',
    country text COLLATE "C" NOT NULL DEFAULT 'CN' CHECK (country ~ '^[A-Z]{2}$'),
    contact text NOT NULL DEFAULT '',
    phone text NOT NULL DEFAULT '',
    real_name text COLLATE "C" NOT NULL DEFAULT 'unverified',
    real_name_reason text NOT NULL DEFAULT '',
    real_name_since_us bigint NOT NULL,
    broker text COLLATE "C" NOT NULL DEFAULT 'no' CHECK (broker IN ('no', 'asked', 'confirmed', 'refused')),
    demonstration boolean NOT NULL DEFAULT false,
    registered_by text COLLATE "C" NOT NULL,
    registered_at_us bigint NOT NULL,
    version integer NOT NULL DEFAULT 1
);
CREATE INDEX party_queue ON party (real_name, real_name_since_us);
CREATE INDEX party_name ON party (lower(name_zh));

-- What happened to a party: who, when, what. Append-only.
CREATE TABLE party_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    party text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    act text COLLATE "C" NOT NULL,
    note text NOT NULL
);
CREATE INDEX party_event_party ON party_event (party, id DESC);
CREATE FUNCTION refuse_party_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of parties is append-only';
END $$;
CREATE TRIGGER party_event_append_only BEFORE UPDATE OR DELETE ON party_event
    FOR EACH ROW EXECUTE FUNCTION refuse_party_event_change();
CREATE TRIGGER party_event_no_truncate BEFORE TRUNCATE ON party_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_party_event_change();

-- The own account from which deposits come and to which they go back. The number is shown masked everywhere.
CREATE TABLE party_bank_account (
    party text COLLATE "C" PRIMARY KEY REFERENCES party,
    holder text NOT NULL,
    number text NOT NULL,
    bank text NOT NULL,
    since_us bigint NOT NULL
);

CREATE TABLE party_invitation (
    digest bytea PRIMARY KEY CHECK (length(digest) = 32),
    party text COLLATE "C" NOT NULL REFERENCES party,
    roles text[] NOT NULL,
    made_by text COLLATE "C" NOT NULL,
    expires_at_us bigint NOT NULL,
    used_by text COLLATE "C",
    used_at_us bigint
);
CREATE INDEX party_invitation_party ON party_invitation (party, expires_at_us DESC);

-- Declared relations (domain.md 4.4): of a party to another party, or to a member of the platform's staff.
CREATE TABLE party_relation (
    party text COLLATE "C" NOT NULL,
    other text NOT NULL,
    kind text COLLATE "C" NOT NULL,
    note text NOT NULL,
    declared_by text COLLATE "C" NOT NULL,
    declared_at_us bigint NOT NULL,
    ended_at_us bigint,
    PRIMARY KEY (party, other, kind)
);

-- An account that acts for another party on one listing or lot, confirmed before its session starts (网络司法拍卖规定 art. 14).
CREATE TABLE party_agency (
    agent text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    principal text COLLATE "C" NOT NULL REFERENCES party,
    document text NOT NULL,
    asked_at_us bigint NOT NULL,
    confirmed_by text COLLATE "C",
    confirmed_at_us bigint,
    ended_at_us bigint,
    PRIMARY KEY (agent, subject)
);
CREATE INDEX party_agency_principal ON party_agency (principal, asked_at_us DESC);
CREATE INDEX party_agency_open ON party_agency (asked_at_us) WHERE confirmed_at_us IS NULL AND ended_at_us IS NULL;

CREATE TABLE party_broker_client (
    broker text COLLATE "C" NOT NULL REFERENCES party,
    client text COLLATE "C" NOT NULL REFERENCES party,
    document text NOT NULL,
    from_us bigint NOT NULL,
    until_us bigint,
    PRIMARY KEY (broker, client)
);
