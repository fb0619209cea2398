-- name: upsert
-- Feeds go by changed_at_us: it moves only with what the public sees.
INSERT INTO board_entry (entry, kind, subject, seq, state, title_zh, title_en, title_mn, seller, seller_zh, seller_en, field, region,
    way, mode, price, base_price, valuation, currency, exponent, buyer, published_at_us, ends_at_us, certain, paused, objections,
    version, digest, changed_at_us, demonstration, terms, folded)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27,
    $28, $29, $30, $31, $32)
ON CONFLICT (entry) DO UPDATE SET seq = $4, state = $5, title_zh = $6, title_en = $7, title_mn = $8, seller_zh = $10, seller_en = $11,
    field = $12, region = $13, way = $14, mode = $15, price = $16, base_price = $17, valuation = $18, buyer = $21,
    published_at_us = $22, ends_at_us = $23, certain = $24, paused = $25, objections = $26, version = $27, digest = $28,
    changed_at_us = CASE WHEN (board_entry.state, board_entry.version, board_entry.digest, board_entry.paused, board_entry.objections,
        board_entry.ends_at_us) IS DISTINCT FROM ($5, $27, $28, $25, $26, $23) THEN $29 ELSE board_entry.changed_at_us END, terms = $31, folded = $32
WHERE board_entry.seq < $4;

-- name: touch
UPDATE board_revision SET revision = revision + 1;

-- name: revision
SELECT revision FROM board_revision;

-- name: search
-- Newest first; the page goes on after (published_at_us, entry). Empty filters keep everything.
SELECT * FROM board_entry
WHERE (cardinality($1::text[]) = 0 OR terms @> $1) AND NOT EXISTS (SELECT FROM unnest($2::text[]) p WHERE position(p IN folded) = 0)
    AND ($3 = '' OR field = $3) AND ($4 = '' OR region LIKE $4) AND ($5 = '' OR mode = $5)
    AND (cardinality($6::text[]) = 0 OR kind = ANY($6)) AND (cardinality($7::text[]) = 0 OR state = ANY($7))
    AND ($8 = '' OR seller = $8) AND published_at_us >= $9 AND published_at_us < $10
    AND (published_at_us < $11 OR (published_at_us = $11 AND entry > $12))
ORDER BY published_at_us DESC, entry LIMIT $13;

-- name: changed
-- For feeds: what changed last comes first.
SELECT * FROM board_entry
WHERE ($1 = '' OR seller = $1) AND ($2 = '' OR region LIKE $2) AND (cardinality($3::text[]) = 0 OR kind = ANY($3))
    AND (changed_at_us < $4 OR (changed_at_us = $4 AND entry > $5))
ORDER BY changed_at_us DESC, entry LIMIT $6;

-- name: by_entry
SELECT * FROM board_entry WHERE entry = $1;

-- name: of_kind_in_states
-- What runs: soonest end first.
SELECT * FROM board_entry WHERE kind = $1 AND state = ANY($2::text[]) ORDER BY ends_at_us NULLS LAST, entry LIMIT $3;

-- name: latest_deals
SELECT * FROM board_entry WHERE kind IN ('auction', 'listing') ORDER BY published_at_us DESC, entry LIMIT $1;

-- name: counts
SELECT kind, state, count(*) AS entries FROM board_entry GROUP BY kind, state;

-- name: mongolian_titles
-- Titles in Mongolian of achievements that are public now.
SELECT v.id, v.body FROM achievement_version v JOIN achievement a ON a.id = v.id AND a.published = v.number
WHERE a.id = ANY($1::text[]);
