-- name: create
INSERT INTO listing_draft (id, party, author, achievement, listing, form, saved_at_us, kind)
SELECT $1, $2, $3, $4, $5, $6, $7, $9 WHERE (SELECT count(*) FROM listing_draft WHERE party = $2 AND kind = $9) < $8 RETURNING id;

-- name: save
UPDATE listing_draft SET form = $3, saved_at_us = $4, author = $5, version = version + 1
WHERE id = $1 AND version = $2 RETURNING version;

-- name: read
SELECT * FROM listing_draft WHERE id = $1 AND party = $2 AND kind = $3;

-- name: list
SELECT * FROM listing_draft WHERE party = $1 AND kind = $3 ORDER BY saved_at_us DESC LIMIT $2;

-- name: delete
DELETE FROM listing_draft WHERE id = $1 AND party = $2;
