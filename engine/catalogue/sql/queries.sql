-- name: upsert_lot
INSERT INTO hall_lot (lot, seq, phase, title_zh, title_en, summary_zh, summary_en, seller_name_zh, seller_name_en, seller_id,
    field, region, demonstration, start_price, price, currency, exponent, bids, bidders, opens_at_us, ends_at_us,
    published_at_us, search, previous_lot)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
ON CONFLICT (lot) DO UPDATE SET seq = $2, phase = $3, price = $15, bids = $18, bidders = $19, opens_at_us = $20,
    ends_at_us = $21
WHERE hall_lot.seq < $2;

-- name: lots_after
-- The rounds that followed a lot, oldest first.
SELECT lot FROM hall_lot WHERE previous_lot = $1 ORDER BY published_at_us, lot LIMIT $2;

-- name: search_ending
-- Soonest end first; the page goes on after (ends_at_us, lot).
SELECT * FROM hall_lot
WHERE ($1 = '' OR search LIKE $1) AND ($2 = '' OR field = $2) AND ($3 = '' OR region LIKE $3) AND (cardinality($4::text[]) = 0 OR phase = ANY($4))
    AND (ends_at_us, lot) > ($5, $6)
ORDER BY ends_at_us, lot LIMIT $7;

-- name: search_newest
-- Latest publication first.
SELECT * FROM hall_lot
WHERE ($1 = '' OR search LIKE $1) AND ($2 = '' OR field = $2) AND ($3 = '' OR region LIKE $3) AND (cardinality($4::text[]) = 0 OR phase = ANY($4))
    AND (-published_at_us, lot) > ($5, $6)
ORDER BY -published_at_us, lot LIMIT $7;

-- name: search_price
-- Highest price first.
SELECT * FROM hall_lot
WHERE ($1 = '' OR search LIKE $1) AND ($2 = '' OR field = $2) AND ($3 = '' OR region LIKE $3) AND (cardinality($4::text[]) = 0 OR phase = ANY($4))
    AND (-coalesce(price, start_price), lot) > ($5, $6)
ORDER BY -coalesce(price, start_price), lot LIMIT $7;

-- name: count_by_phase
SELECT phase, count(*) AS lots FROM hall_lot GROUP BY phase;

-- name: lots_by_id
SELECT * FROM hall_lot WHERE lot = ANY($1::text[]);
