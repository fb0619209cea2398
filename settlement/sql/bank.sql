-- name: serialise
-- What the bank tells is recorded one after another: two messages about one booking must see each other.
SELECT pg_advisory_xact_lock(7017280, 1);

-- name: find_sighting
SELECT e.* FROM bank_sighting s JOIN bank_event e ON e.id = s.event WHERE s.key = $1;

-- name: insert_sighting
INSERT INTO bank_sighting (key, event, source, at_us) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING;

-- name: find_same
-- An event told by the other source only, where one of the two gave no reference of the bank: the same day, amount and other side.
SELECT e.* FROM bank_event e
WHERE e.fingerprint = $1 AND (NOT e.told_ref OR NOT $2)
    AND NOT EXISTS (SELECT FROM bank_sighting s WHERE s.event = e.id AND s.source = $3)
ORDER BY e.id LIMIT 1;

-- name: insert_event
INSERT INTO bank_event (kind, bank_ref, told_ref, order_id, state, reason, booked_at_us, amount_fen, other_name, other_account,
    virtual_account, purpose, source, fingerprint, raw_digest, recorded_at_us)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING id;

-- name: insert_item
INSERT INTO bank_item (event, place) VALUES ($1, 'pending');

-- name: read_event
SELECT * FROM bank_event WHERE id = $1;

-- name: lock_item
SELECT place, deposit_id FROM bank_item WHERE event = $1 FOR UPDATE;

-- name: set_item
UPDATE bank_item SET place = $2, deposit_id = $3, acted_at_us = $4 WHERE event = $1;

-- name: item_of
SELECT place, deposit_id FROM bank_item WHERE event = $1;

-- name: pending
SELECT event FROM bank_item WHERE place = 'pending' AND event > $1 ORDER BY event LIMIT $2;

-- name: count_pending
SELECT count(*) FROM bank_item WHERE place = 'pending';

-- name: deposits_meant
-- Deposits in any state that the sub-account or a word of the purpose names; locked, so that the answer holds until it is acted on.
SELECT body FROM deposit WHERE virtual_account = $1 OR id = ANY($2::text[]) OR virtual_account = ANY($2::text[]) ORDER BY id LIMIT 50 FOR UPDATE;

-- name: deals_meant
-- Deals in any phase that the sub-account or a word of the purpose names; locked after the deposits.
SELECT body FROM deal WHERE virtual_account = $1 OR virtual_account = ANY($2::text[]) OR id = ANY($3::text[]) ORDER BY id LIMIT 50 FOR UPDATE;

-- name: deposits_asking
-- Deposits in any state that ask for this sum around the time of the booking.
SELECT body FROM deposit WHERE amount_fen = $1 AND due_at_us BETWEEN $2 AND $3 ORDER BY id LIMIT $4;

-- name: orders_named
SELECT order_id FROM payout WHERE order_id = ANY($1::text[]) ORDER BY order_id LIMIT 2;

-- name: orders_fitting
-- Orders under way to this account over this sum.
SELECT order_id FROM payout WHERE state IN ('sent', 'accepted') AND amount_fen = $1
    AND regexp_replace(payee_account, '[^0-9A-Za-z]', '', 'g') = $2 ORDER BY created_at_us, order_id LIMIT 2;

-- name: order_amount
SELECT amount_fen FROM payout WHERE order_id = $1;

-- name: open_exception
INSERT INTO bank_exception (event, outcome, reasons, candidates, note, has_money, state, opened_at_us, changed_at_us, changed_by, digest)
VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $7, 'market', $8) ON CONFLICT (digest) DO NOTHING RETURNING id;

-- name: read_exception
SELECT x.id, x.outcome, x.reasons, x.candidates, x.note, x.has_money, x.state AS exception_state, x.version, x.opened_at_us,
    x.changed_at_us, x.changed_by, x.event, i.place, i.deposit_id AS placed_at
FROM bank_exception x LEFT JOIN bank_item i ON i.event = x.event WHERE x.id = $1;

-- name: lock_exception
SELECT * FROM bank_exception WHERE id = $1 FOR UPDATE;

-- name: change_exception
UPDATE bank_exception SET state = $2, version = version + 1, changed_at_us = $3, changed_by = $4 WHERE id = $1 RETURNING version;

-- name: insert_act
INSERT INTO bank_exception_act (exception, version, at_us, actor, act, reason, deposit_id) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: acts_of
SELECT version, at_us, actor, act, reason, deposit_id FROM bank_exception_act WHERE exception = $1 ORDER BY version LIMIT 200;

-- name: queue
-- A page of the exceptions in some states, the longest waiting first; open ones before those that wait.
SELECT x.id, x.outcome, x.reasons, x.candidates, x.note, x.has_money, x.state AS exception_state, x.version, x.opened_at_us,
    x.changed_at_us, x.changed_by, x.event, i.place, i.deposit_id AS placed_at
FROM bank_exception x LEFT JOIN bank_item i ON i.event = x.event
WHERE x.state = ANY($1::text[]) AND (x.opened_at_us, x.id) > ($2, $3) ORDER BY x.opened_at_us, x.id LIMIT $4;

-- name: events_by_id
SELECT * FROM bank_event WHERE id = ANY($1::bigint[]);

-- name: count_exceptions
SELECT state, count(*) AS rows, coalesce(min(opened_at_us), 0)::bigint AS oldest_us FROM bank_exception GROUP BY state;

-- name: suspense_total
SELECT coalesce(sum(e.amount_fen), 0)::bigint FROM bank_item i JOIN bank_event e ON e.id = i.event WHERE i.place = 'suspense';

-- name: insert_nonce
INSERT INTO bank_nonce (nonce, seen_at_us) VALUES ($1, $2) ON CONFLICT (nonce) DO NOTHING RETURNING nonce;

-- name: forget_nonces
DELETE FROM bank_nonce WHERE seen_at_us < $1;

-- name: find_line
SELECT key FROM bank_statement_line WHERE key = $1;

-- name: statement_of_file
SELECT id FROM bank_statement WHERE file_digest = $1;

-- name: insert_statement
INSERT INTO bank_statement (file_digest, file_name, layout, first_day, last_day, opening_fen, closing_fen, lines, imported_at_us, actor)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id;

-- name: insert_line
INSERT INTO bank_statement_line (key, statement, line, day, booked_at_us, income_fen, expense_fen, balance_fen, event)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: statement_before
-- The statement that ends last before a day.
SELECT last_day, closing_fen FROM bank_statement WHERE last_day < $1 ORDER BY last_day DESC, id DESC LIMIT 1;

-- name: statements
SELECT id, file_name, layout, first_day, last_day, opening_fen, closing_fen, lines, imported_at_us, actor
FROM bank_statement WHERE id < $1 ORDER BY id DESC LIMIT $2;

-- name: statement_of_day
SELECT id, first_day, last_day, opening_fen, closing_fen FROM bank_statement
WHERE first_day <= $1 AND last_day >= $1 ORDER BY imported_at_us DESC, id DESC LIMIT 1;

-- name: first_opening
-- What was on the account before the first statement.
SELECT opening_fen, first_day FROM bank_statement WHERE opening_fen IS NOT NULL ORDER BY first_day, id LIMIT 1;

-- name: days_covered
SELECT first_day, last_day FROM bank_statement WHERE first_day <= $1 ORDER BY first_day, last_day, id;

-- name: statement_moves
-- Sum of all lines of statements up to the end of a day.
SELECT coalesce(sum(income_fen - expense_fen), 0)::bigint FROM bank_statement_line WHERE day <= $1;

-- name: booked_moves
-- What the market's books hold of what was booked before an instant: credits that have a place, payments that were settled.
SELECT coalesce(sum(e.amount_fen) FILTER (WHERE e.kind = 'credit'), 0)::bigint AS credits_fen,
    coalesce(sum(p.amount_fen) FILTER (WHERE e.kind = 'payout'), 0)::bigint AS payouts_fen
FROM bank_event e JOIN bank_item i ON i.event = e.id
LEFT JOIN payout p ON p.order_id = e.order_id AND p.state = 'settled' AND e.state = 'settled'
WHERE e.booked_at_us < $1 AND i.place <> 'pending';

-- name: settled_without_news
-- Payments settled by a direct answer of the bank, of which neither callback nor statement has told yet.
SELECT p.order_id, p.amount_fen, p.booked_at_us, p.bank_ref FROM payout p
WHERE p.state = 'settled' AND p.booked_at_us < $1
    AND NOT EXISTS (SELECT FROM bank_event e WHERE e.order_id = p.order_id AND e.kind = 'payout' AND e.state = 'settled')
ORDER BY p.booked_at_us, p.order_id LIMIT $2;

-- name: sum_settled_without_news
SELECT coalesce(sum(p.amount_fen), 0)::bigint FROM payout p
WHERE p.state = 'settled' AND p.booked_at_us < $1
    AND NOT EXISTS (SELECT FROM bank_event e WHERE e.order_id = p.order_id AND e.kind = 'payout' AND e.state = 'settled');

-- name: not_on_statement
-- Events in the books booked before an instant that no statement shows.
SELECT e.*, p.amount_fen AS order_fen FROM bank_event e JOIN bank_item i ON i.event = e.id
LEFT JOIN payout p ON p.order_id = e.order_id AND p.state = 'settled'
WHERE e.booked_at_us < $1 AND i.place <> 'pending' AND (e.kind = 'credit' OR (e.kind = 'payout' AND e.state = 'settled' AND p.order_id IS NOT NULL))
    AND NOT EXISTS (SELECT FROM bank_statement_line l WHERE l.event = e.id AND l.day <= $2)
ORDER BY e.booked_at_us, e.id LIMIT $3;

-- name: lines_differing
-- Lines up to a day whose sum is not what the books hold for them.
SELECT * FROM (
    SELECT l.key, l.day, l.income_fen, l.expense_fen, e.id AS event, e.kind, e.bank_ref, e.order_id, i.place, e.booked_at_us,
        (l.income_fen - l.expense_fen) AS line_fen,
        CASE WHEN i.place = 'pending' OR e.booked_at_us >= $2 THEN 0 WHEN e.kind = 'credit' THEN e.amount_fen
            WHEN e.kind = 'payout' AND e.state = 'settled' AND p.order_id IS NOT NULL THEN -p.amount_fen ELSE 0 END AS books_fen
    FROM bank_statement_line l JOIN bank_event e ON e.id = l.event JOIN bank_item i ON i.event = e.id
    LEFT JOIN payout p ON p.order_id = e.order_id AND p.state = 'settled'
    WHERE l.day <= $1
) lines WHERE line_fen <> books_fen ORDER BY day, key LIMIT $3;

-- name: ledger_bank
SELECT coalesce(sum(amount_fen), 0)::bigint FROM ledger_line WHERE account = 'bank';

-- name: insert_payment
INSERT INTO bank_payment (order_id, amount_fen, payee_name, payee_account, purpose, digest, ordered_at_us)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (order_id) DO NOTHING;

-- name: read_payment
SELECT * FROM bank_payment WHERE order_id = $1;

-- name: payments_open
SELECT * FROM bank_payment WHERE state = 'accepted' AND (ordered_at_us, order_id) > ($1, $2) ORDER BY ordered_at_us, order_id LIMIT $3;

-- name: payments_of_file
SELECT * FROM bank_payment WHERE file = $1 ORDER BY ordered_at_us, order_id;

-- name: take_payments
UPDATE bank_payment SET file = $1 WHERE order_id = ANY($2::text[]) AND file IS NULL;

-- name: payments_without_file
SELECT * FROM bank_payment WHERE file IS NULL AND state = 'accepted' ORDER BY ordered_at_us, order_id LIMIT $1 FOR UPDATE;

-- name: insert_file
INSERT INTO bank_payment_file (made_at_us, actor, payments, amount_fen) VALUES ($1, $2, $3, $4) RETURNING number;

-- name: files
SELECT number, made_at_us, actor, payments, amount_fen FROM bank_payment_file WHERE number < $1 ORDER BY number DESC LIMIT $2;

-- name: end_payment
UPDATE bank_payment SET state = $2, reason = $3, bank_ref = $4, booked_at_us = $5 WHERE order_id = $1 AND state = 'accepted' RETURNING order_id;
