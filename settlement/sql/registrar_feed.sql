-- name: next_position
UPDATE registrar_feed_head SET position = position + 1 RETURNING position;

-- name: insert_message
INSERT INTO registrar_message (position, id, registration, revision, kind, body, at_us, next_at_us, changed_at_us, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, $8);

-- name: take_due
-- Leases the longest due message whose registration has no earlier one under way or dead: what is said of one contract arrives in order.
UPDATE registrar_message SET attempts = attempts + 1, next_at_us = $2 WHERE position = (
    SELECT m.position FROM registrar_message m
    WHERE m.state = 'waiting' AND m.next_at_us <= $1 AND NOT EXISTS (
        SELECT FROM registrar_message e WHERE e.registration = m.registration AND e.position < m.position AND e.state IN ('waiting', 'dead'))
    ORDER BY m.next_at_us, m.position LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING position, id, registration, revision, kind, body, at_us, attempts;

-- name: delivered
UPDATE registrar_message SET state = 'delivered', problem = '', changed_at_us = $2 WHERE position = $1 AND state = 'waiting';

-- name: put_off
UPDATE registrar_message SET next_at_us = $2, problem = $3, changed_at_us = $4 WHERE position = $1 AND state = 'waiting';

-- name: bury
UPDATE registrar_message SET state = 'dead', problem = $2, changed_at_us = $3 WHERE position = $1 AND state = 'waiting';

-- name: requeue
UPDATE registrar_message SET state = 'waiting', attempts = 0, next_at_us = $2, at_us = $2, changed_at_us = $2
WHERE id = $1 AND state = 'dead' RETURNING position;

-- name: dead
SELECT position, id, registration, revision, kind, at_us, attempts, problem, changed_at_us FROM registrar_message
WHERE state = 'dead' AND position > $1 ORDER BY position LIMIT $2;

-- name: waiting
SELECT position, id, registration, revision, kind, at_us, attempts, problem, changed_at_us FROM registrar_message
WHERE state = 'waiting' ORDER BY position LIMIT $1;

-- name: of_registration
SELECT position, id, registration, revision, kind, at_us, attempts, problem, changed_at_us, state FROM registrar_message
WHERE registration = $1 ORDER BY position LIMIT 100;

-- name: page
SELECT position, id, registration, revision, kind, at_us, body FROM registrar_message WHERE position > $1 ORDER BY position LIMIT $2;

-- name: figures
SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'dead') AS dead,
    coalesce(min(at_us) FILTER (WHERE state = 'waiting'), 0)::bigint AS oldest_us, coalesce(max(attempts) FILTER (WHERE state = 'waiting'), 0) AS attempts
FROM registrar_message WHERE state IN ('waiting', 'dead');

-- name: find_answer
SELECT outcome, body_digest FROM registrar_answer WHERE id = $1;

-- name: keep_answer
INSERT INTO registrar_answer (id, system, registration, answer, outcome, body_digest, at_us) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: answers_of
SELECT id, system, answer, outcome, at_us FROM registrar_answer WHERE registration = $1 ORDER BY at_us LIMIT 100;
