-- name: lock
SELECT body, digest FROM deposit WHERE id = $1 FOR UPDATE;

-- name: read
SELECT body FROM deposit WHERE id = $1;

-- name: find_act
SELECT act_digest FROM deposit_event WHERE deposit = $1 AND act_key = $2;

-- name: insert_event
INSERT INTO deposit_event (deposit, seq, type, at_us, actor, act_key, act_digest, body, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: insert_deposit
INSERT INTO deposit (id, seq, state, subject, party, amount_fen, virtual_account, received_fen, due_at_us, lapses_at_us,
    release_from_us, release_by_us, release_certain, blocked, held, appeal_until_us, appeal_open, takes_itself, state_since_us, body, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21);

-- name: update_deposit
-- `state_since_us` moves with the state only; a worker's mark is gone as soon as anything changes.
UPDATE deposit SET seq = $2, state = $3, received_fen = $4, due_at_us = $5, lapses_at_us = $6, release_from_us = $7, release_by_us = $8,
    release_certain = $9, blocked = $10, held = $11, appeal_until_us = $12, appeal_open = $13, takes_itself = $14,
    state_since_us = CASE state WHEN $3 THEN state_since_us ELSE $15 END, body = $16, digest = $17, checked_at_us = 0
WHERE id = $1;

-- name: tell
INSERT INTO deposit_told (deposit, news, at_us, next_at_us) VALUES ($1, $2, $3, $3) ON CONFLICT DO NOTHING;

-- name: by_virtual_account
SELECT body FROM deposit WHERE virtual_account = $1;

-- name: candidates
-- Open deposits that a payment may be for: exactly the missing amount, or named in the text.
SELECT body FROM deposit WHERE state = 'required' AND (amount_fen - received_fen = $1 OR id = ANY($2::text[]) OR virtual_account = ANY($2::text[]))
ORDER BY (id = ANY($2::text[]) OR virtual_account = ANY($2::text[])) DESC, due_at_us, id LIMIT $3;

-- name: of_party
SELECT body FROM deposit WHERE party = $1 AND id > $2 AND ($4 = '' OR subject = $4) ORDER BY id LIMIT $3;

-- name: of_subject
SELECT body FROM deposit WHERE subject = $1 AND id > $2 ORDER BY id LIMIT $3;

-- name: find_of_party
SELECT body FROM deposit WHERE subject = $1 AND party = $2 ORDER BY id DESC LIMIT 1;

-- name: history
SELECT seq, type, at_us, actor, body, digest FROM deposit_event WHERE deposit = $1 AND seq > $2 ORDER BY seq LIMIT $3;

-- name: queue
-- The operator's queue of one kind, longest waiting first.
SELECT body, state_since_us FROM deposit WHERE CASE $1
    WHEN 'payer' THEN state = 'paid' AND checked_at_us > 0
    WHEN 'blocked' THEN state = 'release_due' AND blocked
    WHEN 'overdue' THEN state IN ('release_due', 'releasing') AND release_by_us < $2
    WHEN 'appeals' THEN state = 'forfeit_pending' AND appeal_open
    WHEN 'forfeits' THEN state = 'forfeit_pending' AND NOT appeal_open
    WHEN 'uncertain' THEN state IN ('release_due', 'releasing') AND NOT release_certain
    WHEN 'awaited' THEN state = 'required'
    ELSE false END
    AND (state_since_us, id) > ($3, $4)
ORDER BY state_since_us, id LIMIT $5;

-- name: queue_counts
SELECT count(*) FILTER (WHERE state = 'paid' AND checked_at_us > 0) AS payer,
    count(*) FILTER (WHERE state = 'release_due' AND blocked) AS blocked,
    count(*) FILTER (WHERE state IN ('release_due', 'releasing') AND release_by_us < $1) AS overdue,
    count(*) FILTER (WHERE state = 'forfeit_pending' AND appeal_open) AS appeals,
    count(*) FILTER (WHERE state = 'forfeit_pending' AND NOT appeal_open) AS forfeits,
    count(*) FILTER (WHERE state IN ('release_due', 'releasing') AND NOT release_certain) AS uncertain,
    count(*) FILTER (WHERE state = 'required') AS awaited,
    coalesce(sum(amount_fen) FILTER (WHERE held AND state IN ('held', 'release_due', 'forfeit_pending')), 0)::bigint AS held_fen
FROM deposit WHERE state NOT IN ('released', 'forfeited', 'partly_deducted', 'lapsed', 'converted');

-- name: paid_unchecked
SELECT id FROM deposit WHERE state = 'paid' AND checked_at_us = 0 ORDER BY id LIMIT $1;

-- name: mark_checked
UPDATE deposit SET checked_at_us = $2 WHERE id = $1 AND state = 'paid';

-- name: recheck_party
UPDATE deposit SET checked_at_us = 0 WHERE party = $1 AND state = 'paid';

-- name: to_lapse
SELECT id FROM deposit WHERE state = 'required' AND lapses_at_us < $1 ORDER BY id LIMIT $2;

-- name: to_release
SELECT id FROM deposit WHERE state = 'release_due' AND NOT blocked AND release_from_us <= $1 ORDER BY release_by_us, id LIMIT $2;

-- name: to_forfeit
SELECT id FROM deposit WHERE state = 'forfeit_pending' AND takes_itself AND NOT appeal_open AND appeal_until_us <= $1 ORDER BY id LIMIT $2;

-- name: to_recount
SELECT id FROM deposit WHERE state = 'release_due' AND NOT release_certain ORDER BY id LIMIT $1;

-- name: open_of_subject
SELECT id FROM deposit WHERE subject = $1 AND state NOT IN ('released', 'forfeited', 'partly_deducted', 'lapsed', 'converted')
    AND id > $2 ORDER BY id LIMIT $3;

-- name: to_tell
-- Leased, so that two workers do not tell the same at once; telling twice does no harm, the id of the command is the same.
UPDATE deposit_told SET attempts = attempts + 1, next_at_us = $2 WHERE (deposit, news) = (
    SELECT deposit, news FROM deposit_told WHERE told_at_us IS NULL AND next_at_us <= $1
    ORDER BY next_at_us, deposit LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING deposit, news, attempts;

-- name: told
UPDATE deposit_told SET told_at_us = $3 WHERE deposit = $1 AND news = $2 AND told_at_us IS NULL;

-- name: put_off_telling
UPDATE deposit_told SET next_at_us = $3 WHERE deposit = $1 AND news = $2 AND told_at_us IS NULL;

-- name: untold
SELECT count(*) FROM deposit_told WHERE told_at_us IS NULL;

-- name: page_for_checking
SELECT id, seq, state, subject, party, amount_fen, received_fen, virtual_account, due_at_us, held, blocked, appeal_open,
    release_from_us, release_by_us, appeal_until_us, body, digest
FROM deposit WHERE id > $1 ORDER BY id LIMIT $2;

-- name: events_for_checking
SELECT seq, type, at_us, actor, act_key, act_digest, body, digest FROM deposit_event WHERE deposit = $1 ORDER BY seq;

-- name: lost_histories
-- Histories without a row.
SELECT DISTINCT deposit FROM deposit_event h WHERE NOT EXISTS (SELECT FROM deposit d WHERE d.id = h.deposit) LIMIT 100;

-- name: deposit_sums
-- What the ledger must say for each deposit, by the state of the row, on the accounts of deposits.
SELECT d.id, d.state, coalesce(h.total, 0)::bigint AS held, coalesce(r.total, 0)::bigint AS received
FROM deposit d
LEFT JOIN (SELECT deposit, sum(balance_fen) AS total FROM ledger_balance WHERE account = 'deposit_held' GROUP BY deposit) h ON h.deposit = d.id
LEFT JOIN (SELECT deposit, sum(balance_fen) AS total FROM ledger_balance WHERE account = 'deposit_received' GROUP BY deposit) r ON r.deposit = d.id
WHERE coalesce(h.total, 0) <> CASE WHEN d.held AND d.state IN ('held', 'release_due', 'forfeit_pending') THEN d.amount_fen ELSE 0 END
    OR coalesce(r.total, 0) <> CASE WHEN d.state = 'required' THEN d.received_fen
        WHEN NOT d.held AND d.state IN ('paid', 'release_due') THEN d.amount_fen ELSE 0 END
LIMIT 100;

-- name: note_problem
INSERT INTO settlement_problem (stream, stream_seq, deposit, wanted, code, at_us) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: open_problems
SELECT stream, stream_seq, deposit, wanted, code, at_us FROM settlement_problem WHERE closed_at_us IS NULL ORDER BY at_us, stream, stream_seq LIMIT $1;

-- name: close_problem
UPDATE settlement_problem SET closed_at_us = $4, closed_by = $5, note = $6
WHERE stream = $1 AND stream_seq = $2 AND deposit = $3 AND closed_at_us IS NULL RETURNING stream;
