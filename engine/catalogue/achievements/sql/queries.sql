-- name: create
INSERT INTO achievement (id, owner, author, state, record, created_at_us, saved_at_us, state_at_us)
VALUES ($1, $2, $3, $4, $5, $6, $6, $6);

-- name: read
SELECT * FROM achievement WHERE id = $1;

-- name: read_for_update
SELECT * FROM achievement WHERE id = $1 FOR UPDATE;

-- name: save
-- A version that somebody else saved meanwhile is not overwritten; what is under review is not written to.
UPDATE achievement SET record = $2, author = $3, saved_at_us = $4, draft_version = draft_version + 1
WHERE id = $1 AND draft_version = $5 AND state = ANY($6::text[]) RETURNING draft_version;

-- name: of_owner
-- Last saved first; the page goes on after (saved_at_us, id).
SELECT * FROM achievement WHERE owner = $1 AND (-saved_at_us, id) > ($2, $3) ORDER BY -saved_at_us, id LIMIT $4;

-- name: in_state
-- Who has waited longest comes first.
SELECT * FROM achievement WHERE state = $1 AND (state_at_us, id) > ($2, $3) ORDER BY state_at_us, id LIMIT $4;

-- name: count_states
SELECT state, count(*) AS number FROM achievement WHERE owner = $1 OR $1 = '' GROUP BY state;

-- name: move
UPDATE achievement SET state = $2, state_at_us = $3, published = $4, record = $5, draft_version = draft_version + 1 WHERE id = $1;

-- name: insert_act
INSERT INTO achievement_act (id, number, act, state, actor, party, reason, at_us)
SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7 FROM achievement_act WHERE id = $1;

-- name: acts
SELECT * FROM achievement_act WHERE id = $1 ORDER BY number DESC LIMIT $2;

-- name: last_digest
SELECT digest FROM achievement_version WHERE id = $1 ORDER BY number DESC LIMIT 1;

-- name: insert_version
INSERT INTO achievement_version (id, number, owner, actor, published_at_us, body, digest) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: version
SELECT * FROM achievement_version WHERE id = $1 AND number = $2;

-- name: versions
SELECT * FROM achievement_version WHERE id = $1 ORDER BY number LIMIT $2;

-- name: public
-- The version that is public now; what was withdrawn or refused is not.
SELECT v.* FROM achievement_version v JOIN achievement a ON a.id = v.id AND a.published = v.number
WHERE a.id = ANY($1::text[]) AND a.state NOT IN ('WITHDRAWN', 'REFUSED');

-- name: public_page
-- All public achievements by id, for rebuilding indexes.
SELECT v.* FROM achievement_version v JOIN achievement a ON a.id = v.id AND a.published = v.number
WHERE a.id > $1 AND a.state NOT IN ('WITHDRAWN', 'REFUSED') ORDER BY a.id LIMIT $2;

-- name: keep_nda_text
INSERT INTO achievement_nda_text (digest, body) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING;

-- name: sign
INSERT INTO achievement_nda (id, party, account, version, text_digest, signed_at_us) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id, party, text_digest) DO NOTHING;

-- name: signatures
SELECT * FROM achievement_nda WHERE id = $1 AND (-signed_at_us, party) > ($2, $3) ORDER BY -signed_at_us, party LIMIT $4;

-- name: signature
SELECT * FROM achievement_nda WHERE id = $1 AND party = $2 ORDER BY signed_at_us DESC LIMIT 1;

-- name: nda_text
SELECT body FROM achievement_nda_text WHERE digest = $1;

-- name: has_signed
SELECT EXISTS (SELECT FROM achievement_nda WHERE id = $1 AND party = $2 AND text_digest = $3);
