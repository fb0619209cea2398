-- name: insert_party
INSERT INTO party (id, kind, name_zh, name_en, credit_code, id_digest, id_last4, nature, holder_kind, region, country, contact, phone,
    real_name, real_name_since_us, demonstration, registered_by, registered_at_us)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'unverified', $14, $15, $16, $14);

-- name: change_party
UPDATE party SET name_zh = $3, name_en = $4, credit_code = $5, id_digest = $6, id_last4 = $7, nature = $8, holder_kind = $9,
    region = $10, country = $11, contact = $12, phone = $13, real_name = $14, real_name_reason = '', real_name_since_us = $15,
    version = version + 1
WHERE id = $1 AND version = $2;

-- name: read
SELECT * FROM party WHERE id = ANY($1::text[]);

-- name: read_locked
SELECT * FROM party WHERE id = $1 FOR UPDATE;

-- name: set_real_name
UPDATE party SET real_name = $2, real_name_reason = $3, real_name_since_us = $4, version = version + 1 WHERE id = $1;

-- name: set_broker
UPDATE party SET broker = $2, version = version + 1 WHERE id = $1;

-- name: queue
-- Identities to check, longest waiting first.
SELECT * FROM party WHERE real_name = $1 AND (real_name_since_us, id) > ($2, $3) ORDER BY real_name_since_us, id LIMIT $4;

-- name: brokers_asking
SELECT * FROM party WHERE broker = 'asked' ORDER BY id LIMIT $1;

-- name: find
SELECT * FROM party WHERE (lower(name_zh) LIKE $1 OR lower(name_en) LIKE $1 OR credit_code = $2 OR id = $2) AND id > $3 ORDER BY id LIMIT $4;

-- name: note
INSERT INTO party_event (party, at_us, actor, act, note) VALUES ($1, $2, $3, $4, $5);

-- name: history
SELECT * FROM party_event WHERE party = $1 ORDER BY id DESC LIMIT $2;

-- name: set_bank_account
INSERT INTO party_bank_account (party, holder, number, bank, since_us) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (party) DO UPDATE SET holder = $2, number = $3, bank = $4, since_us = $5;

-- name: bank_account
SELECT * FROM party_bank_account WHERE party = $1;

-- name: insert_invitation
-- Nothing is inserted when the party has as many open ones as it may ($6).
INSERT INTO party_invitation (digest, party, roles, made_by, expires_at_us)
SELECT $1, $2, $3, $4, $5
WHERE (SELECT count(*) FROM party_invitation WHERE party = $2 AND used_at_us IS NULL AND expires_at_us > $7) < $6
RETURNING digest;

-- name: invitation
SELECT * FROM party_invitation WHERE digest = $1 AND used_at_us IS NULL AND expires_at_us > $2;

-- name: use_invitation
UPDATE party_invitation SET used_by = $2, used_at_us = $3
WHERE digest = $1 AND used_at_us IS NULL AND expires_at_us > $3 RETURNING party, roles;

-- name: declare_relation
INSERT INTO party_relation (party, other, kind, note, declared_by, declared_at_us) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (party, other, kind) DO UPDATE SET note = $4, declared_by = $5, declared_at_us = $6, ended_at_us = NULL;

-- name: end_relation
UPDATE party_relation SET ended_at_us = $4 WHERE party = $1 AND other = $2 AND kind = $3 AND ended_at_us IS NULL;

-- name: relations
SELECT * FROM party_relation WHERE party = $1 AND ended_at_us IS NULL ORDER BY kind, other LIMIT $2;

-- name: authorise_agent
INSERT INTO party_agency AS a (agent, subject, principal, document, asked_at_us, powers) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (agent, subject) DO UPDATE SET principal = $3, document = $4, asked_at_us = $5, powers = $6, confirmed_by = NULL,
    confirmed_at_us = NULL, ended_at_us = NULL
WHERE a.ended_at_us IS NOT NULL OR a.principal = $3
RETURNING agent;

-- name: confirm_agent
UPDATE party_agency SET confirmed_by = $3, confirmed_at_us = $4
WHERE agent = $1 AND subject = $2 AND confirmed_at_us IS NULL AND ended_at_us IS NULL RETURNING principal;

-- name: end_agent
UPDATE party_agency SET ended_at_us = $4 WHERE agent = $1 AND subject = $2 AND principal = $3 AND ended_at_us IS NULL RETURNING principal;

-- name: agency
SELECT * FROM party_agency WHERE agent = $1 AND subject = $2;

-- name: agents_of
SELECT * FROM party_agency WHERE principal = $1 ORDER BY asked_at_us DESC LIMIT $2;

-- name: agents_waiting
SELECT a.*, p.name_zh, p.name_en FROM party_agency a JOIN party p ON p.id = a.principal
WHERE a.confirmed_at_us IS NULL AND a.ended_at_us IS NULL ORDER BY a.asked_at_us LIMIT $1;

-- name: agencies_of_agent
SELECT * FROM party_agency WHERE agent = $1 AND ended_at_us IS NULL ORDER BY asked_at_us DESC LIMIT $2;

-- name: add_client
INSERT INTO party_broker_client (broker, client, document, from_us) VALUES ($1, $2, $3, $4)
ON CONFLICT (broker, client) DO UPDATE SET document = $3, from_us = $4, until_us = NULL;

-- name: end_client
UPDATE party_broker_client SET until_us = $3 WHERE broker = $1 AND client = $2 AND until_us IS NULL;

-- name: clients
SELECT c.*, p.name_zh, p.name_en FROM party_broker_client c JOIN party p ON p.id = c.client
WHERE c.broker = $1 ORDER BY c.from_us DESC LIMIT $2;
