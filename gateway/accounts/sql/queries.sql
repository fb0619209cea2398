-- name: insert_account
INSERT INTO account (id, party, login, display_name, role, language, password_hash, created_at_us)
VALUES ($1, $1, $2, $3, $4, $5, $6, $7) RETURNING *;

-- name: account_by_login
SELECT * FROM account WHERE login = $1;

-- name: accounts_by_id
SELECT * FROM account WHERE id = ANY($1::text[]);

-- name: accounts_page
-- A page by login name.
SELECT * FROM account WHERE login > $1 AND ($2 = '' OR role = $2) ORDER BY login LIMIT $3;

-- name: set_role
UPDATE account SET role = $2 WHERE id = $1;

-- name: set_language
UPDATE account SET language = $2 WHERE id = $1;

-- name: set_password
UPDATE account SET password_hash = $2 WHERE id = $1;

-- name: disable
UPDATE account SET disabled_at_us = $2 WHERE id = $1 AND disabled_at_us IS NULL;

-- name: enable
UPDATE account SET disabled_at_us = NULL WHERE id = $1;

-- name: insert_session
INSERT INTO web_session (digest, account, csrf, created_at_us, expires_at_us, seen_at_us) VALUES ($1, $2, $3, $4, $5, $4);

-- name: open_session
-- Reading a session is also its sign of life; a cache in front keeps this rare.
UPDATE web_session s SET seen_at_us = $2 FROM account a
WHERE s.digest = $1 AND s.expires_at_us > $2 AND a.id = s.account AND a.disabled_at_us IS NULL
RETURNING a.*, s.csrf, s.expires_at_us,
    ARRAY(SELECT g.subject || ' ' || g.principal || ' ' || array_to_string(g.powers, ',') FROM party_agency g
          WHERE g.agent = a.id AND g.confirmed_at_us IS NOT NULL AND g.ended_at_us IS NULL) AS acts_for;

-- name: delete_session
DELETE FROM web_session WHERE digest = $1;

-- name: delete_sessions_of
DELETE FROM web_session WHERE account = $1;

-- name: insert_token
-- Nothing is inserted when the account holds as many living tokens as it may ($8).
INSERT INTO api_token (id, account, name, secret_digest, scopes, created_at_us, expires_at_us)
SELECT $1, $2, $3, $4, $5, $6, $7
WHERE (SELECT count(*) FROM api_token WHERE account = $2 AND revoked_at_us IS NULL AND expires_at_us > $6) < $8
RETURNING *;

-- name: tokens_of
SELECT * FROM api_token WHERE account = $1 AND revoked_at_us IS NULL ORDER BY created_at_us DESC LIMIT $2;

-- name: open_token
UPDATE api_token t SET used_at_us = $2 FROM account a
WHERE t.id = $1 AND t.expires_at_us > $2 AND t.revoked_at_us IS NULL AND a.id = t.account AND a.disabled_at_us IS NULL
RETURNING a.*, t.secret_digest, t.scopes, t.expires_at_us,
    ARRAY(SELECT g.subject || ' ' || g.principal || ' ' || array_to_string(g.powers, ',') FROM party_agency g
          WHERE g.agent = a.id AND g.confirmed_at_us IS NOT NULL AND g.ended_at_us IS NULL) AS acts_for;

-- name: revoke_token
UPDATE api_token SET revoked_at_us = $3 WHERE id = $1 AND account = $2 AND revoked_at_us IS NULL;

-- name: begin_attempt
-- Counts the attempt before the password is looked at, so that two tabs cannot try twice at once. No row: too early.
-- $4: pause after the 1st, 2nd, ... failure; $5: failures older than this are forgotten.
INSERT INTO login_attempt AS a (name_digest, network, failures, last_at_us, next_at_us)
VALUES ($1, $2, 1, $3, $3 + ($4::bigint[])[1])
ON CONFLICT (name_digest, network) DO UPDATE SET
    failures = CASE WHEN a.last_at_us < $3 - $5 THEN 1 ELSE a.failures + 1 END,
    last_at_us = $3,
    next_at_us = $3 + ($4::bigint[])[CASE WHEN a.last_at_us < $3 - $5 THEN 1 ELSE least(a.failures + 1, cardinality($4::bigint[])) END]
-- Two that come at once are not too early for each other: without a pause the later one may carry the earlier time.
WHERE a.next_at_us <= $3 OR a.next_at_us = a.last_at_us
RETURNING failures;

-- name: next_attempt
SELECT next_at_us FROM login_attempt WHERE name_digest = $1 AND network = $2;

-- name: forget_attempts
DELETE FROM login_attempt WHERE name_digest = $1 AND network = $2;

-- name: undo_attempt
UPDATE login_attempt SET failures = greatest(failures - 1, 0), next_at_us = last_at_us WHERE name_digest = $1 AND network = $2;

-- name: revoke
WITH head AS (UPDATE revocation_head SET version = version + 1 RETURNING version)
INSERT INTO revocation (version, at_us, kind, subject) SELECT version, $1, $2, $3 FROM head;

-- name: revocation_version
SELECT version FROM revocation_head;

-- name: revocations_after
SELECT version, kind, subject FROM revocation WHERE version > $1 ORDER BY version LIMIT $2;

-- name: insert_audit
INSERT INTO audit_entry (at_us, actor, act, subject, network, result) VALUES ($1, $2, $3, $4, $5, $6);

-- name: audit_page
-- Newest first, before an entry.
SELECT * FROM audit_entry WHERE id < $1 ORDER BY id DESC LIMIT $2;

-- name: sweep_sessions
DELETE FROM web_session WHERE expires_at_us < $1;

-- name: sweep_attempts
DELETE FROM login_attempt WHERE last_at_us < $1;

-- name: sweep_revocations
DELETE FROM revocation WHERE at_us < $1;

-- name: ask_admission
INSERT INTO admission_request (lot, party, asked_at_us) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- name: admission_requests
SELECT r.party, r.asked_at_us FROM admission_request r WHERE r.lot = $1 ORDER BY r.asked_at_us, r.party LIMIT $2;

-- name: has_asked
SELECT EXISTS (SELECT FROM admission_request WHERE lot = $1 AND party = $2);

-- name: close_admission
DELETE FROM admission_request WHERE lot = $1 AND party = $2;

-- name: logins_of_party
-- The accounts that act for a party.
SELECT * FROM account WHERE party = $1 ORDER BY login LIMIT $2;

-- name: join_party
UPDATE account SET party = $2, member_roles = $3 WHERE id = $1 RETURNING *;

-- name: retire_officer_key
UPDATE officer_key SET retired_at_us = $3 WHERE party = $1 AND key <> $2 AND retired_at_us IS NULL;

-- name: put_officer_key
INSERT INTO officer_key (party, key, made_by, made_at_us) VALUES ($1, $2, $3, $4) ON CONFLICT (party, key) DO NOTHING;

-- name: officer_keys
SELECT party, key, made_at_us FROM officer_key WHERE party = ANY($1::text[]) AND retired_at_us IS NULL;

-- name: officers_known
-- People of the market with a key in force; who trades here opens no bids.
SELECT DISTINCT ON (k.party) k.party, a.login, a.display_name
FROM officer_key k JOIN account a ON a.id = k.made_by
WHERE k.retired_at_us IS NULL AND k.party LIKE 'p%' AND a.role NOT IN ('bidder', 'seller') ORDER BY k.party LIMIT $1;

-- name: of_role
SELECT party FROM account WHERE role = $1 AND disabled_at_us IS NULL ORDER BY id LIMIT 200;
