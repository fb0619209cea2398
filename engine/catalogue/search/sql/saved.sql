-- name: save
INSERT INTO saved_search (id, party, name, kind, query, filters, created_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: count_saved
SELECT count(*)::int FROM saved_search WHERE party = $1;

-- name: lock_party
-- Two tabs of one party do not go over the bound together.
SELECT pg_advisory_xact_lock(hashtextextended('saved_search/' || $1, 0));

-- name: of_party
SELECT * FROM saved_search WHERE party = $1 ORDER BY created_at_us DESC, id;

-- name: forget
DELETE FROM saved_search WHERE party = $1 AND id = $2 RETURNING id;

-- name: all_saved
SELECT * FROM saved_search ORDER BY id;

-- name: add_notice
INSERT INTO notice (party, once, about, link, data, at_us) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (party, once) DO NOTHING;

-- name: notices
SELECT * FROM notice WHERE party = $1 AND id < $2 ORDER BY id DESC LIMIT $3;

-- name: unread
-- Counted to a bound: a badge shows no more.
SELECT count(*)::int FROM (SELECT 1 FROM notice WHERE party = $1 AND read_at_us IS NULL LIMIT $2) AS shown;

-- name: mark_read
UPDATE notice SET read_at_us = $3 WHERE party = $1 AND id = $2 AND read_at_us IS NULL;

-- name: mark_all_read
UPDATE notice SET read_at_us = $3 WHERE party = $1 AND id <= $2 AND read_at_us IS NULL;
