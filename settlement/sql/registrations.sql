-- name: lock_name
SELECT pg_advisory_xact_lock(hashtextextended('registration/' || $1, 0));

-- name: lock
SELECT body, digest FROM registration WHERE id = $1 FOR UPDATE;

-- name: read
SELECT body FROM registration WHERE id = $1;

-- name: of_deal
SELECT body FROM registration WHERE deal = $1;

-- name: of_number
SELECT body FROM registration WHERE number = $1;

-- name: of_applicant
SELECT body FROM registration WHERE applicant = $1 AND id > $2 ORDER BY id LIMIT $3;

-- name: keep
-- `state_since_us` moves with the state only.
INSERT INTO registration AS r (id, seq, state, deal, contract, applicant, region, kind, total_fen, technical_fen, number, due_at_us,
    due_certain, state_since_us, registered_at_us, body, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (id) DO UPDATE SET seq = $2, state = $3, kind = $8, total_fen = $9, technical_fen = $10, number = $11, due_at_us = $12,
    due_certain = $13, state_since_us = CASE r.state WHEN $3 THEN r.state_since_us ELSE $14 END, registered_at_us = $15, body = $16,
    digest = $17;

-- name: queue
-- A desk's queue, longest waiting first; `overdue`: past its clock. A prefecture (four digits) narrows it.
SELECT body, state_since_us FROM registration
WHERE CASE $1 WHEN 'overdue' THEN due_at_us > 0 AND due_at_us < $2
        WHEN 'incoming' THEN state IN ('submitted', 'resubmitted')
        WHEN 'done' THEN state IN ('registered', 'changed', 'refused', 'cancelled', 'revoked', 'archived')
        ELSE state = $1 END
    AND ($3 = '' OR left(region, 4) = $3)
    AND (state_since_us, id) > ($4, $5)
ORDER BY state_since_us, id LIMIT $6;

-- name: counts
SELECT count(*) FILTER (WHERE state IN ('submitted', 'resubmitted')) AS incoming,
    count(*) FILTER (WHERE state = 'pre_check') AS pre_check,
    count(*) FILTER (WHERE state = 'accepted') AS accepted,
    count(*) FILTER (WHERE state = 'first_review') AS first_review,
    count(*) FILTER (WHERE state = 'expert_review') AS expert_review,
    count(*) FILTER (WHERE state = 'second_review') AS second_review,
    count(*) FILTER (WHERE state = 'returned') AS returned,
    count(*) FILTER (WHERE state = 'objected') AS objected,
    count(*) FILTER (WHERE due_at_us > 0 AND due_at_us < $1) AS overdue,
    count(*) FILTER (WHERE due_at_us > 0 AND NOT due_certain) AS uncertain
FROM registration WHERE state NOT IN ('draft', 'registered', 'refused', 'changed', 'cancelled', 'revoked', 'archived');

-- name: to_recount
SELECT id FROM registration WHERE due_at_us > 0 AND NOT due_certain ORDER BY id LIMIT $1;

-- name: keep_document
INSERT INTO registration_document (registration, kind, revision, body, digest, at_us) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: document
SELECT body, digest FROM registration_document WHERE registration = $1 AND kind = $2 AND revision = $3;

-- name: next_serial
INSERT INTO registration_series AS s (prefix, serial) VALUES ($1, 1)
ON CONFLICT (prefix) DO UPDATE SET serial = s.serial + 1 RETURNING serial;

-- name: page_for_checking
SELECT id, seq, state, number, total_fen, technical_fen, due_at_us, body, digest FROM registration WHERE id > $1 ORDER BY id LIMIT $2;

-- name: documents_for_checking
-- Documents whose bytes are not those that were kept.
SELECT registration, kind, revision FROM registration_document WHERE digest <> sha256(body) LIMIT 100;

-- name: to_sign
-- Deals both sides have signed, whose contract does not say so yet.
SELECT d.id FROM deal d JOIN contract c ON c.deal = d.id WHERE c.state = 'draft'
    AND d.phase IN ('paying', 'certifying', 'delivering', 'accepting', 'releasing', 'registering', 'distributing', 'performing', 'disputed', 'archived')
ORDER BY d.id LIMIT $1;

-- name: to_open
SELECT d.id FROM deal d JOIN contract c ON c.deal = d.id WHERE c.state = 'signed'
    AND d.phase NOT IN ('defaulted', 'rescinded') AND NOT EXISTS (SELECT FROM registration r WHERE r.deal = d.id)
ORDER BY d.id LIMIT $1;

-- name: to_end
SELECT d.id FROM deal d JOIN contract c ON c.deal = d.id WHERE c.state = 'signed' AND d.phase IN ('defaulted', 'rescinded')
ORDER BY d.id LIMIT $1;

-- name: to_number
SELECT d.id FROM deal d JOIN registration r ON r.deal = d.id WHERE d.phase = 'registering' AND r.number IS NOT NULL
ORDER BY d.id LIMIT $1;
