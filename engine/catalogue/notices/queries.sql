-- name: upsert_notice
INSERT INTO publicity_row (notice, seq, phase, seller_id, achievement_id, title_zh, title_en, title_mn, abstract_zh, abstract_en,
    seller_name_zh, seller_name_en, field, region, mode, price, currency, exponent, confidential, related, demonstration, round_no,
    version_no, days, objection_state, open_objections, certain, submitted_at_us, published_at_us, ends_at_us, certified_at_us,
    struck_at_us, since_us, changed_at_us, search)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27,
    $28, $29, $30, $31, $32, $33, $33, $34)
ON CONFLICT (notice) DO UPDATE SET seq = $2, phase = $3, achievement_id = $5, title_zh = $6, title_en = $7, title_mn = $8,
    abstract_zh = $9, abstract_en = $10, seller_name_zh = $11, seller_name_en = $12, field = $13, region = $14, mode = $15, price = $16,
    currency = $17, exponent = $18, confidential = $19, related = $20, demonstration = $21, round_no = $22, version_no = $23, days = $24,
    objection_state = $25, open_objections = $26, certain = $27, published_at_us = $29, ends_at_us = $30, certified_at_us = $31,
    struck_at_us = $32, since_us = CASE WHEN publicity_row.phase = $3 THEN publicity_row.since_us ELSE $33 END,
    changed_at_us = $33, search = $34
WHERE publicity_row.seq < $2;

-- name: upsert_objection
INSERT INTO publicity_objection_row (notice, objection_no, objection_id, receipt_no, seller_id, ground, phase, handler, due_us, overdue,
    filed_at_us, since_us)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (notice, objection_no) DO UPDATE SET phase = $7, handler = $8, due_us = $9, overdue = $10,
    since_us = CASE WHEN publicity_objection_row.phase = $7 THEN publicity_objection_row.since_us ELSE $12 END;

-- name: search
-- What was ever published, last published first; the page goes on after (-published_at_us, notice).
SELECT * FROM publicity_row
WHERE published_at_us IS NOT NULL AND ($1 = '' OR search LIKE $1) AND ($2 = '' OR field = $2) AND ($3 = '' OR region LIKE $3)
    AND (cardinality($4::text[]) = 0 OR phase = ANY($4)) AND ($5::bigint IS NULL OR published_at_us >= $5)
    AND ($6::bigint IS NULL OR published_at_us < $6) AND ($7 = '' OR seller_id = $7) AND (-published_at_us, notice) > ($8, $9)
ORDER BY -published_at_us, notice LIMIT $10;

-- name: changed
-- What was ever published, last changed first: feeds.
SELECT * FROM publicity_row WHERE published_at_us IS NOT NULL AND ($1 = '' OR seller_id = $1)
ORDER BY changed_at_us DESC, notice LIMIT $2;

-- name: of_seller
SELECT * FROM publicity_row WHERE seller_id = $1 ORDER BY since_us DESC LIMIT $2;

-- name: in_phases
-- A queue: longest waiting first.
SELECT * FROM publicity_row WHERE phase = ANY($1::text[]) ORDER BY since_us, notice LIMIT $2;

-- name: uncertain
SELECT * FROM publicity_row WHERE NOT certain AND phase = 'published' ORDER BY ends_at_us LIMIT $1;

-- name: count_by_phase
SELECT phase, count(*) AS notices FROM publicity_row GROUP BY phase;

-- name: objections_in_phases
-- The handling desk's queue: what is due first.
SELECT o.*, p.title_zh, p.title_en, p.seller_name_zh, p.seller_name_en FROM publicity_objection_row o JOIN publicity_row p USING (notice)
WHERE o.phase = ANY($1::text[]) ORDER BY o.due_us NULLS LAST, o.filed_at_us LIMIT $2;

-- name: objection_by_receipt
SELECT o.*, p.title_zh, p.title_en, p.seller_name_zh, p.seller_name_en FROM publicity_objection_row o JOIN publicity_row p USING (notice)
WHERE o.receipt_no = $1;
