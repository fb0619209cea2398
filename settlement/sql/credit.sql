-- name: lock_name
SELECT pg_advisory_xact_lock(hashtextextended('credit/' || $1, 0));

-- name: read
SELECT body, digest FROM credit_record WHERE id = $1;

-- name: keep
INSERT INTO credit_record (id, party, cause, subject, seq, state, appeal_until_us, expires_at_us, at_us, body, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (id) DO UPDATE SET seq = $5, state = $6, appeal_until_us = $7, expires_at_us = $8, body = $10, digest = $11;

-- name: insert_event
INSERT INTO credit_event (record, seq, type, at_us, actor, body, digest) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: history
SELECT seq, type, at_us, actor, body, digest FROM credit_event WHERE record = $1 ORDER BY seq LIMIT 100;

-- name: of_party
SELECT body FROM credit_record WHERE party = $1 ORDER BY at_us DESC, id LIMIT $2;

-- name: newest
-- Appeals first: somebody waits for a decision.
SELECT body FROM credit_record WHERE ($1 = '' OR state = $1) ORDER BY (state = 'appealed') DESC, at_us DESC, id LIMIT $2;

-- name: unappealed
SELECT id FROM credit_record WHERE state = 'noticed' AND appeal_until_us <= $1 ORDER BY appeal_until_us, id LIMIT $2;

-- name: page_for_checking
SELECT id, body, digest FROM credit_record WHERE id > $1 ORDER BY id LIMIT $2;

-- name: figures
-- Records by state; of those in force only what has not expired at $1.
SELECT count(*) FILTER (WHERE state = 'noticed') AS noticed, count(*) FILTER (WHERE state = 'appealed') AS appealed,
    count(*) FILTER (WHERE state = 'in_force' AND expires_at_us > $1) AS in_force,
    count(*) FILTER (WHERE state = 'in_force' AND expires_at_us <= $1) AS expired,
    count(*) FILTER (WHERE state = 'withdrawn') AS withdrawn,
    coalesce(min(e.at_us) FILTER (WHERE state = 'appealed'), 0)::bigint AS oldest_appeal_us
FROM credit_record r LEFT JOIN LATERAL (
    SELECT at_us FROM credit_event WHERE r.state = 'appealed' AND record = r.id AND type = 'credit.appealed' ORDER BY seq DESC LIMIT 1
) e ON true;
