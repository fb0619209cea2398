-- name: create
INSERT INTO lot_draft (id, author, form, saved_at_us) VALUES ($1, $2, $3, $4);

-- name: save
-- Somebody else's newer version is not overwritten.
UPDATE lot_draft SET form = $2, saved_at_us = $3, version = version + 1 WHERE id = $1 AND version = $4 RETURNING version;

-- name: read
SELECT id, author, form, saved_at_us, version FROM lot_draft WHERE id = $1;

-- name: list
SELECT id, author, form, saved_at_us, version FROM lot_draft ORDER BY saved_at_us DESC LIMIT $1;

-- name: delete
DELETE FROM lot_draft WHERE id = $1;

-- name: expire_void_requests
UPDATE void_request SET outcome = 'expired', ended_at_us = expires_at_us WHERE lot = $1 AND outcome IS NULL AND expires_at_us <= $2;

-- name: ask_void
-- One open request for a lot at a time; sent again with the same id it is the same request.
INSERT INTO void_request (id, lot, ground, reason, asked_by, asked_at_us, expires_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING;

-- name: end_void
UPDATE void_request SET outcome = $2, ended_by = $3, ended_at_us = $4 WHERE id = $1 AND outcome IS NULL;

-- name: read_void
SELECT * FROM void_request WHERE id = $1 AND lot = $2;

-- name: list_void
SELECT * FROM void_request WHERE lot = $1 ORDER BY asked_at_us DESC LIMIT $2;
