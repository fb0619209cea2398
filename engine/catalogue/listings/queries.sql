-- name: upsert_listing
INSERT INTO listing_row (listing, seq, phase, way, mode, seller_id, achievement_id, title_zh, title_en, summary_zh, summary_en,
    seller_name_zh, seller_name_en, field, region, demonstration, price, currency, exponent, lot, certain, submitted_at_us,
    published_at_us, ends_at_us, since_us, search)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)
ON CONFLICT (listing) DO UPDATE SET seq = $2, phase = $3, way = $4, mode = $5, achievement_id = $7, title_zh = $8, title_en = $9,
    summary_zh = $10, summary_en = $11, seller_name_zh = $12, seller_name_en = $13, field = $14, region = $15, price = $17,
    lot = $20, certain = $21, published_at_us = $23, ends_at_us = $24, search = $26,
    since_us = CASE WHEN listing_row.phase = $3 THEN listing_row.since_us ELSE $25 END
WHERE listing_row.seq < $2;

-- name: upsert_intent
INSERT INTO listing_intent_row (listing, intent_no, buyer_id, seller_id, phase, code, deposit, due_us, registered_at_us, since_us)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (listing, intent_no) DO UPDATE SET phase = $5, code = $6, deposit = $7, due_us = $8,
    since_us = CASE WHEN listing_intent_row.phase = $5 THEN listing_intent_row.since_us ELSE $10 END;

-- name: upsert_deal
INSERT INTO listing_deal_row (listing, deal_no, buyer_id, seller_id, price, phase, struck_at_us, sign_by_us)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (listing, deal_no) DO UPDATE SET phase = $6;

-- name: search_ending
-- What is on the market (or was), soonest end first; the page goes on after (ends_at_us, listing).
SELECT * FROM listing_row
WHERE published_at_us IS NOT NULL AND ($1 = '' OR search LIKE $1) AND ($2 = '' OR field = $2) AND ($3 = '' OR region LIKE $3)
    AND (cardinality($4::text[]) = 0 OR phase = ANY($4)) AND ($5 = '' OR mode = $5) AND (ends_at_us, listing) > ($6, $7)
ORDER BY ends_at_us, listing LIMIT $8;

-- name: search_newest
SELECT * FROM listing_row
WHERE published_at_us IS NOT NULL AND ($1 = '' OR search LIKE $1) AND ($2 = '' OR field = $2) AND ($3 = '' OR region LIKE $3)
    AND (cardinality($4::text[]) = 0 OR phase = ANY($4)) AND ($5 = '' OR mode = $5) AND (-published_at_us, listing) > ($6, $7)
ORDER BY -published_at_us, listing LIMIT $8;

-- name: of_seller
-- An institution's own, last changed first.
SELECT * FROM listing_row WHERE seller_id = $1 AND ($2::bigint IS NULL OR since_us < $2) ORDER BY since_us DESC LIMIT $3;

-- name: of_achievement
SELECT * FROM listing_row WHERE achievement_id = $1 AND published_at_us IS NOT NULL ORDER BY published_at_us DESC LIMIT $2;

-- name: by_id
SELECT * FROM listing_row WHERE listing = ANY($1::text[]);

-- name: in_phases
-- The operator's queue: longest waiting first.
SELECT * FROM listing_row WHERE phase = ANY($1::text[]) ORDER BY since_us, listing LIMIT $2;

-- name: uncertain
-- Periods that run past the official calendar.
SELECT * FROM listing_row WHERE NOT certain AND phase NOT IN ('ended', 'withdrawn', 'terminated', 'refused', 'signed', 'defaulted')
ORDER BY ends_at_us LIMIT $1;

-- name: count_by_phase
SELECT phase, count(*) AS listings FROM listing_row GROUP BY phase;

-- name: intents_in_phases
SELECT i.*, l.title_zh, l.title_en FROM listing_intent_row i JOIN listing_row l USING (listing)
WHERE i.phase = ANY($1::text[]) ORDER BY i.since_us, i.listing LIMIT $2;

-- name: intents_of_seller
SELECT i.*, l.title_zh, l.title_en FROM listing_intent_row i JOIN listing_row l USING (listing)
WHERE i.seller_id = $1 AND i.phase = ANY($2::text[]) ORDER BY i.since_us LIMIT $3;

-- name: intents_of_buyer
SELECT i.*, l.title_zh, l.title_en, l.phase AS listing_phase, l.ends_at_us, l.lot FROM listing_intent_row i JOIN listing_row l USING (listing)
WHERE i.buyer_id = $1 AND ($2::bigint IS NULL OR i.registered_at_us < $2) AND ($4 = '' OR i.listing = $4) ORDER BY i.registered_at_us DESC LIMIT $3;

-- name: deals_in_phases
SELECT d.*, l.title_zh, l.title_en FROM listing_deal_row d JOIN listing_row l USING (listing)
WHERE d.phase = ANY($1::text[]) ORDER BY d.sign_by_us LIMIT $2;

-- name: deals_of
SELECT d.*, l.title_zh, l.title_en FROM listing_deal_row d JOIN listing_row l USING (listing)
WHERE (d.buyer_id = $1 OR d.seller_id = $1) AND ($3 = '' OR d.listing = $3) ORDER BY d.struck_at_us DESC LIMIT $2;

-- name: watch
INSERT INTO listing_watch (party, listing, since_us) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

-- name: unwatch
DELETE FROM listing_watch WHERE party = $1 AND listing = $2;

-- name: watches
SELECT EXISTS (SELECT FROM listing_watch WHERE party = $1 AND listing = $2);

-- name: watch_count
SELECT count(*) FROM listing_watch WHERE party = $1;

-- name: watched
SELECT l.* FROM listing_watch w JOIN listing_row l USING (listing) WHERE w.party = $1 ORDER BY w.since_us DESC LIMIT $2;
