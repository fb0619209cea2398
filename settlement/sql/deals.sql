-- name: lock
SELECT body, digest FROM deal WHERE id = $1 FOR UPDATE;

-- name: read
SELECT body FROM deal WHERE id = $1;

-- name: find_act
SELECT act_digest FROM deal_event WHERE deal = $1 AND act_key = $2;

-- name: insert_event
INSERT INTO deal_event (deal, seq, type, at_us, actor, act_key, act_digest, body, digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: insert_deal
INSERT INTO deal (id, stream, stream_seq, seller, buyer, parties, price_fen, virtual_account, struck_at_us,
    seq, phase, owner, escrow_fen, open_fen, since_us, deadline_us, escalations, failed_orders, wake_at_us, work_at_us, body, digest)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22);

-- name: update_deal
UPDATE deal SET seq = $2, phase = $3, owner = $4, escrow_fen = $5, open_fen = $6, since_us = $7, deadline_us = $8, escalations = $9,
    failed_orders = $10, wake_at_us = $11, work_at_us = $12, body = $13, digest = $14, attempts = 0 WHERE id = $1;

-- name: insert_document
INSERT INTO deal_document (deal, digest, kind, at_us, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

-- name: document
SELECT kind, body FROM deal_document WHERE deal = $1 AND digest = $2;

-- name: history
SELECT seq, type, at_us, actor, body, digest FROM deal_event WHERE deal = $1 AND seq > $2 ORDER BY seq LIMIT $3;

-- name: account_in_use
SELECT EXISTS (SELECT FROM deposit WHERE virtual_account = $1) OR EXISTS (SELECT FROM deal WHERE virtual_account = $1);

-- name: of_party
-- A party's deals, newest first, after a place.
SELECT body FROM deal WHERE parties @> ARRAY[$1] AND (struck_at_us, id) < ($2, $3) ORDER BY struck_at_us DESC, id DESC LIMIT $4;

-- name: of_party_on
-- A party's deals on one lot, listing or notice, or a group of lots ($5), newest first, after a place.
SELECT body FROM deal WHERE parties @> ARRAY[$1] AND (struck_at_us, id) < ($2, $3)
    AND (split_part(stream, '/', 2) = $5 OR starts_with(split_part(stream, '/', 2), $5 || '.'))
ORDER BY struck_at_us DESC, id DESC LIMIT $4;

-- name: newest
SELECT body FROM deal WHERE ($1 = '' OR phase = $1) AND (struck_at_us, id) < ($2, $3) ORDER BY struck_at_us DESC, id DESC LIMIT $4;

-- name: of_stream
SELECT body FROM deal WHERE stream = $1 ORDER BY stream_seq LIMIT $2;

-- name: queue
-- What waits, by deadline: the operator's own turns, what is overdue or was escalated, failed payments, all.
SELECT body FROM deal WHERE wake_at_us IS NOT NULL AND CASE $1
    WHEN 'operator' THEN owner = 'operator'
    WHEN 'overdue' THEN deadline_us < $2 OR escalations > 0
    WHEN 'failing' THEN failed_orders > 0
    WHEN 'registrar' THEN owner = 'registrar'
    ELSE true END
    AND (deadline_us, id) > ($3, $4) ORDER BY deadline_us, id LIMIT $5;

-- name: queue_counts
SELECT count(*) AS open, count(*) FILTER (WHERE owner = 'operator') AS operator,
    count(*) FILTER (WHERE deadline_us < $1 OR escalations > 0) AS overdue,
    count(*) FILTER (WHERE failed_orders > 0) AS failing,
    count(*) FILTER (WHERE owner = 'registrar') AS registrar,
    coalesce(sum(escrow_fen), 0)::bigint AS escrow_fen
FROM deal WHERE wake_at_us IS NOT NULL;

-- name: to_wake
SELECT id FROM deal WHERE wake_at_us <= $1 ORDER BY wake_at_us, id LIMIT $2;

-- name: to_work
-- Leased, so that two workers do not do the same at once; doing it twice does no harm. $3: this process can tell listings and notices.
UPDATE deal SET attempts = attempts + 1, work_at_us = $2 WHERE id = (
    SELECT id FROM deal WHERE work_at_us <= $1
        AND ($3 OR phase NOT IN ('concluding', 'defaulting') OR id LIKE 'DA-%')
    ORDER BY work_at_us, id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id, attempts;

-- name: put_off
UPDATE deal SET work_at_us = $2 WHERE id = $1 AND work_at_us IS NOT NULL;

-- name: clock_alive
INSERT INTO deal_clock (alive_at_us) VALUES ($1) ON CONFLICT (one) DO UPDATE SET alive_at_us = greatest(deal_clock.alive_at_us, $1);

-- name: clock_was_alive
SELECT alive_at_us FROM deal_clock;

-- name: missed_in_outage
SELECT id FROM deal WHERE deadline_us BETWEEN $1 AND $2 AND wake_at_us IS NOT NULL ORDER BY id LIMIT $3;

-- name: page_for_checking
SELECT id, seq, phase, owner, escrow_fen, open_fen, deadline_us, virtual_account, body, digest FROM deal WHERE id > $1 ORDER BY id LIMIT $2;

-- name: events_for_checking
SELECT seq, type, at_us, actor, body, digest FROM deal_event WHERE deal = $1 ORDER BY seq;

-- name: lost_histories
SELECT DISTINCT deal FROM deal_event h WHERE NOT EXISTS (SELECT FROM deal d WHERE d.id = h.deal) LIMIT 100;

-- name: wrong_escrow
-- Deals whose escrow in the ledger is not what their state says.
SELECT d.id, d.escrow_fen AS said, coalesce(sum(l.balance_fen), 0)::bigint AS total FROM deal d
LEFT JOIN ledger_balance l ON l.deal = d.id AND l.account = 'price_escrow'
GROUP BY d.id HAVING d.escrow_fen <> coalesce(sum(l.balance_fen), 0) LIMIT 100;

-- name: forgotten_money
-- Money of deals that is owed or due back and that no failed order waits for.
SELECT b.deal, b.account, sum(b.balance_fen)::bigint AS due, coalesce(max(f.failed), 0)::bigint AS failed
FROM ledger_balance b LEFT JOIN (
    SELECT deal, account, sum(amount_fen) AS failed FROM payout WHERE state = 'failed' AND deal <> '' GROUP BY deal, account
) f ON f.deal = b.deal AND f.account = b.account
WHERE b.deal <> '' AND b.account IN ('owed_to_seller', 'owed_to_broker', 'price_due_back')
GROUP BY b.deal, b.account HAVING sum(b.balance_fen) <> coalesce(max(f.failed), 0) LIMIT 100;
