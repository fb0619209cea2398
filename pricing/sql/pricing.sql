-- name: lock
-- One writer at a time gives out numbers; the lock ends with the transaction.
SELECT pg_advisory_xact_lock(7238110);

-- name: observations
SELECT seq, ref, at_us, body, digest FROM pricing_observation WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3;

-- name: observation_head
SELECT seq, digest FROM pricing_observation ORDER BY seq DESC LIMIT 1;

-- name: digest_at
SELECT digest FROM pricing_observation WHERE seq = $1;

-- name: add_observation
INSERT INTO pricing_observation (seq, ref, at_us, body, digest, recorded_at_us) VALUES ($1, $2, $3, $4, $5, $6);

-- name: has_observation
SELECT true FROM pricing_observation WHERE ref = $1;

-- name: last_fit
SELECT * FROM pricing_fit ORDER BY number DESC LIMIT 1;

-- name: champion
SELECT * FROM pricing_fit WHERE champion ORDER BY number DESC LIMIT 1;

-- name: fit
SELECT * FROM pricing_fit WHERE number = $1;

-- name: fits
SELECT * FROM pricing_fit ORDER BY number DESC LIMIT $1;

-- name: add_fit
INSERT INTO pricing_fit (number, head, edits, code, seed, metrics, champion, fitted_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: add_index_point
INSERT INTO pricing_index (fit, place, quarter, level, deals, published) VALUES ($1, $2, $3, $4, $5, $6);

-- name: index_of_champion
SELECT quarter, level, deals, published FROM pricing_index
WHERE fit = (SELECT max(number) FROM pricing_fit WHERE champion) ORDER BY place;

-- name: last_quote
SELECT number, digest FROM pricing_quote ORDER BY number DESC LIMIT 1;

-- name: add_quote
INSERT INTO pricing_quote (number, id, owner, subject, wish, body, digest_before, digest, quoted_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: quote
SELECT * FROM pricing_quote WHERE id = $1;

-- name: quotes_of
SELECT number, id, subject, body, quoted_at_us FROM pricing_quote WHERE owner = $1 AND number < $2 ORDER BY number DESC LIMIT $3;

-- name: quotes_about
-- What a seller had been quoted before an instant, newest first.
SELECT * FROM pricing_quote WHERE owner = $1 AND quoted_at_us <= $2 ORDER BY number DESC LIMIT $3;

-- name: quotes_page
SELECT * FROM pricing_quote WHERE number > $1 ORDER BY number LIMIT $2;

-- name: add_outcome
INSERT INTO pricing_outcome (observation, fit, mode, grade, log_median, log_sd, log_price, pit, crps, winkler, covered, quarantined, at_us)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING;

-- name: outcomes
SELECT observation, fit, mode, grade, log_median, log_sd, log_price, pit, crps, winkler, covered, quarantined, at_us
FROM pricing_outcome ORDER BY observation DESC LIMIT $1;

-- name: edits
SELECT number, body, reason, account, at_us FROM pricing_edit WHERE number <= $1 ORDER BY number LIMIT $2;

-- name: last_edit
SELECT coalesce(max(number), 0) FROM pricing_edit;

-- name: add_edit
INSERT INTO pricing_edit (number, body, reason, account, at_us) VALUES ($1, $2, $3, $4, $5);

-- name: put_case
INSERT INTO pricing_case (id, screen, subjects, p_value, evidence, listed, opened_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (id) DO UPDATE SET p_value = excluded.p_value, evidence = excluded.evidence, listed = excluded.listed;

-- name: cases
SELECT c.*, v.verdict, v.reason, v.at_us AS decided_at_us FROM pricing_case c
LEFT JOIN LATERAL (SELECT verdict, reason, at_us FROM pricing_verdict WHERE case_id = c.id ORDER BY number DESC LIMIT 1) v ON true
WHERE c.listed ORDER BY v.verdict IS NOT NULL, c.p_value, c.id LIMIT $1;

-- name: case
SELECT * FROM pricing_case WHERE id = $1;

-- name: verdicts
SELECT verdict, reason, account, at_us FROM pricing_verdict WHERE case_id = $1 ORDER BY number LIMIT 100;

-- name: add_verdict
INSERT INTO pricing_verdict (case_id, verdict, reason, account, at_us) VALUES ($1, $2, $3, $4, $5);

-- name: add_decision
INSERT INTO pricing_decision (quote, body, account, at_us) VALUES ($1, $2, $3, $4);

-- name: decisions
SELECT body, account, at_us FROM pricing_decision WHERE quote = $1 ORDER BY number LIMIT 100;

-- name: put_link
-- `last_at_us` of what stands on record for good is when it was last looked at, so that it is forgotten only when it is gone.
INSERT INTO pricing_link (kind, digest, party, first_at_us, last_at_us) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (kind, digest, party) DO UPDATE SET last_at_us = greatest(pricing_link.last_at_us, excluded.last_at_us);

-- name: forget_links
DELETE FROM pricing_link WHERE last_at_us < $1;

-- name: shared_links
SELECT kind, digest, array_agg(party ORDER BY party) AS parties FROM pricing_link
GROUP BY kind, digest HAVING count(*) BETWEEN 2 AND $1 ORDER BY kind, digest LIMIT $2;

-- name: linked_parties
SELECT count(DISTINCT party) FROM pricing_link WHERE kind = 'network';
