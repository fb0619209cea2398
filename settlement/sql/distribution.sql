-- name: lock_deal
SELECT pg_advisory_xact_lock(hashtextextended('distribution/' || $1, 0));

-- name: lock_party
SELECT pg_advisory_xact_lock(hashtextextended('distribution-policy/' || $1, 0));

-- name: last_policy
SELECT version, digest FROM distribution_policy WHERE party = $1 ORDER BY version DESC LIMIT 1;

-- name: insert_policy
INSERT INTO distribution_policy (party, version, body, proposed_by, proposed_at_us, digest) VALUES ($1, $2, $3, $4, $5, $6);

-- name: approve_policy
UPDATE distribution_policy SET approved_by = $3, approved_at_us = $4
WHERE party = $1 AND version = $2 AND approved_by IS NULL AND proposed_by <> $3 RETURNING version;

-- name: policies
SELECT version, body, proposed_by, proposed_at_us, approved_by, approved_at_us, digest FROM distribution_policy
WHERE party = $1 ORDER BY version DESC LIMIT $2;

-- name: policy_in_force
SELECT version, body FROM distribution_policy WHERE party = $1 AND approved_by IS NOT NULL ORDER BY version DESC LIMIT 1;

-- name: rounds
SELECT coalesce(max(round), 0) AS last, coalesce(sum(income_fen) FILTER (WHERE state <> 'returned'), 0)::bigint AS taken_fen,
    count(*) FILTER (WHERE state IN ('proposed', 'publicity', 'objected')) AS open
FROM distribution_plan WHERE deal = $1;

-- name: read
SELECT body, digest FROM distribution_plan WHERE id = $1;

-- name: lock
SELECT body, digest FROM distribution_plan WHERE id = $1 FOR UPDATE;

-- name: of_party
SELECT body FROM distribution_plan WHERE party = $1 ORDER BY at_us DESC, id LIMIT $2;

-- name: of_deal
SELECT body FROM distribution_plan WHERE deal = $1 ORDER BY round LIMIT $2;

-- name: to_carry
-- Paid before the deal had come so far. The first paid round moves the deal.
SELECT DISTINCT ON (p.deal) p.id, p.deal FROM distribution_plan p JOIN deal d ON d.id = p.deal
WHERE d.phase = 'distributing' AND p.state = 'paid' ORDER BY p.deal, p.round LIMIT $1;

-- name: to_recount
SELECT body FROM distribution_plan
WHERE state IN ('publicity', 'objected') AND convert_from(body, 'UTF8')::jsonb ->> 'certain' = 'false'
    AND convert_from(body, 'UTF8')::jsonb ->> 'calendar' <> $1
ORDER BY at_us, id LIMIT $2;

-- name: keep
INSERT INTO distribution_plan (id, party, deal, round, seq, state, income_fen, at_us, body, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (id) DO UPDATE SET seq = $5, state = $6, body = $9, digest = $10;

-- name: insert_event
INSERT INTO distribution_event (plan, seq, type, at_us, actor, body, digest) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: history
SELECT seq, type, at_us, actor, body, digest FROM distribution_event WHERE plan = $1 ORDER BY seq LIMIT 500;

-- name: page_for_checking
SELECT id, seq, body, digest FROM distribution_plan WHERE id > $1 ORDER BY id LIMIT $2;

-- name: policies_for_checking
SELECT party, version, body, proposed_by, proposed_at_us, digest FROM distribution_policy
WHERE (party, version) > ($1, $2) ORDER BY party, version LIMIT $3;

-- name: lost_histories
SELECT DISTINCT plan FROM distribution_event h WHERE NOT EXISTS (SELECT FROM distribution_plan p WHERE p.id = h.plan) LIMIT 100;

-- name: paid_rows
-- What a unit paid out within a time, for the institution's report.
SELECT body FROM distribution_plan WHERE party = $1 AND state = 'paid' ORDER BY at_us, id LIMIT $2;

-- name: figures
-- Rounds under way by state, rounds whose publicity is over and that nobody paid yet, policies that wait for approval.
SELECT count(*) FILTER (WHERE state = 'proposed') AS proposed, count(*) FILTER (WHERE state = 'publicity') AS publicity,
    count(*) FILTER (WHERE state = 'objected') AS objected,
    count(*) FILTER (WHERE state = 'publicity' AND (convert_from(body, 'UTF8')::jsonb ->> 'public_until_us')::bigint <= $1) AS payable,
    (SELECT count(*) FROM distribution_policy WHERE approved_at_us IS NULL) AS policies_waiting
FROM distribution_plan WHERE state IN ('proposed', 'publicity', 'objected');
