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
