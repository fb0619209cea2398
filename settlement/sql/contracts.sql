-- name: lock_name
-- Two who draft the first version at once go one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('contract/' || $1, 0));

-- name: lock
SELECT body, digest FROM contract WHERE id = $1 FOR UPDATE;

-- name: read
SELECT body FROM contract WHERE id = $1;

-- name: of_deal
SELECT body FROM contract WHERE deal = $1;

-- name: keep
INSERT INTO contract (id, seq, state, deal, seller, buyer, kind, version, changed_at_us, body, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (id) DO UPDATE SET seq = $2, state = $3, kind = $7, version = $8, changed_at_us = $9, body = $10, digest = $11;

-- name: of_party
SELECT body FROM contract WHERE (seller = $1 OR buyer = $1) AND id > $2 ORDER BY id LIMIT $3;

-- name: profile
SELECT body FROM registration_profile WHERE party = $1;

-- name: keep_profile
INSERT INTO registration_profile (party, body, said_by, at_us) VALUES ($1, $2, $3, $4)
ON CONFLICT (party) DO UPDATE SET body = $2, said_by = $3, at_us = $4;

-- name: page_for_checking
SELECT id, seq, state, body, digest FROM contract WHERE id > $1 ORDER BY id LIMIT $2;
