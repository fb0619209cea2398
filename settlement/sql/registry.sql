-- name: find_act
SELECT act_digest FROM registry_event WHERE stream = $1 AND act_key = $2;

-- name: insert_event
INSERT INTO registry_event (stream, seq, type, at_us, actor, act_key, act_digest, body, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: history
SELECT seq, type, at_us, actor, body, digest FROM registry_event WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3;

-- name: lost_histories
-- Histories without a row.
SELECT DISTINCT stream FROM registry_event h
WHERE NOT EXISTS (SELECT FROM contract c WHERE h.stream = 'contract/' || c.id)
    AND NOT EXISTS (SELECT FROM registration r WHERE h.stream = 'registration/' || r.id) LIMIT 100;
