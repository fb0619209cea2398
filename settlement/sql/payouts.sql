-- name: insert_payout
INSERT INTO payout (order_id, kind, account, party, deposit, deal, reference, subject, amount_fen, payee_name, payee_account, purpose,
    state, reason, next_at_us, created_at_us, changed_at_us, instead_of)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $15, $16);

-- name: read_payout
SELECT * FROM payout WHERE order_id = $1;

-- name: lock_payout
SELECT * FROM payout WHERE order_id = $1 FOR UPDATE;

-- name: take_payout
-- The next order to ask the bank about, leased until `next_at_us`: another worker passes it over meanwhile.
UPDATE payout SET state = CASE state WHEN 'ordered' THEN 'sent' ELSE state END, attempts = attempts + 1, next_at_us = $2,
    changed_at_us = $1
WHERE order_id = (
    SELECT order_id FROM payout WHERE state IN ('ordered', 'sent', 'accepted') AND next_at_us <= $1
    ORDER BY next_at_us, order_id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING *;

-- name: put_off_payout
UPDATE payout SET next_at_us = $2 WHERE order_id = $1 AND state IN ('sent', 'accepted');

-- name: set_payout
UPDATE payout SET state = $2, reason = $3, bank_ref = $4, booked_at_us = $5, changed_at_us = $6, next_at_us = $7 WHERE order_id = $1;

-- name: payouts_of_deposit
SELECT * FROM payout WHERE deposit = $1 ORDER BY created_at_us, order_id LIMIT 200;

-- name: failing_payouts
SELECT * FROM payout WHERE state = 'failed' AND (created_at_us, order_id) > ($1, $2) ORDER BY created_at_us, order_id LIMIT $3;

-- name: payout_figures
SELECT count(*) FILTER (WHERE state = 'failed') AS failed, count(*) FILTER (WHERE state = 'sent' AND attempts >= 3) AS unanswered,
    count(*) FILTER (WHERE state IN ('ordered', 'sent', 'accepted')) AS under_way
FROM payout WHERE state NOT IN ('settled', 'replaced');

-- name: forgotten_money
-- What of a deposit is due back or owed to the seller is what failed orders wait for, fen by fen: money without an order would be forgotten.
SELECT coalesce(b.deposit, p.deposit) AS deposit, coalesce(b.due, 0) AS due, coalesce(p.failed, 0) AS failed
FROM (SELECT deposit, sum(balance_fen)::bigint AS due FROM ledger_balance WHERE deposit <> '' AND account IN ('deposit_due_back', 'owed_to_seller') GROUP BY deposit) b
FULL JOIN (
    SELECT deposit, sum(amount_fen)::bigint AS failed FROM payout WHERE state = 'failed' AND deposit <> '' AND account IN ('deposit_due_back', 'owed_to_seller') GROUP BY deposit
) p USING (deposit)
WHERE coalesce(b.due, 0) <> coalesce(p.failed, 0) LIMIT 100;

-- name: unsound_payouts
-- Orders whose clearing account does not say what their state says; failed and unsent ones have nothing there.
SELECT p.order_id, p.state, coalesce(b.balance_fen, 0) AS cleared
FROM payout p LEFT JOIN ledger_balance b ON b.account = 'payout_clearing' AND b.party = p.party AND b.deposit = p.deposit
    AND b.deal = p.deal AND b.reference = p.order_id
WHERE coalesce(b.balance_fen, 0) <> CASE WHEN p.state IN ('ordered', 'sent', 'accepted') THEN p.amount_fen ELSE 0 END LIMIT 100;
