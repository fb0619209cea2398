-- name: create
INSERT INTO need (id, owner, author, state, body, created_at_us, saved_at_us, state_at_us) VALUES ($1, $2, $3, $4, $5, $6, $6, $6);

-- name: read
SELECT * FROM need WHERE id = $1;

-- name: lock
SELECT * FROM need WHERE id = $1 FOR UPDATE;

-- name: save
UPDATE need SET body = $2, author = $3, saved_at_us = $4, draft_version = draft_version + 1
WHERE id = $1 AND draft_version = $5 AND state = ANY($6::text[]) RETURNING draft_version;

-- name: move
UPDATE need SET state = $2, state_at_us = $3, published = $4, expires_at_us = $5 WHERE id = $1;

-- name: insert_version
INSERT INTO need_version (id, number, owner, published_at_us, body) VALUES ($1, $2, $3, $4, $5);

-- name: insert_act
INSERT INTO need_act (id, number, act, state, actor, reason, at_us)
SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6 FROM need_act WHERE id = $1;

-- name: acts
SELECT * FROM need_act WHERE id = $1 ORDER BY number DESC LIMIT $2;

-- name: of_owner
SELECT * FROM need WHERE owner = $1 AND (-saved_at_us, id) > ($2, $3) ORDER BY -saved_at_us, id LIMIT $4;

-- name: count_open
-- Needs of an owner that are not ended.
SELECT count(*)::int FROM need WHERE owner = $1 AND state NOT IN ('MET', 'CLOSED', 'EXPIRED');

-- name: lock_owner
SELECT pg_advisory_xact_lock(hashtextextended('need/' || $1, 0));

-- name: in_state
SELECT * FROM need WHERE state = $1 AND (state_at_us, id) > ($2, $3) ORDER BY state_at_us, id LIMIT $4;

-- name: public
SELECT v.* FROM need n JOIN need_version v ON v.id = n.id AND v.number = n.published
WHERE n.id = ANY($1::text[]) AND n.published > 0 AND n.state = 'PUBLISHED';

-- name: versions_of
SELECT v.* FROM need_version v JOIN unnest($1::text[], $2::int[]) AS wanted(id, number) ON v.id = wanted.id AND v.number = wanted.number;

-- name: expired
SELECT id FROM need WHERE state = 'PUBLISHED' AND expires_at_us <= $1 ORDER BY expires_at_us LIMIT $2;
