-- name: take_pending
-- The mark is taken away first: an event that is written meanwhile marks again; one whose writer has not committed keeps its mark.
DELETE FROM history_pending WHERE (consumer, stream) IN (
    SELECT consumer, stream FROM history_pending WHERE consumer = $1 ORDER BY stream LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING stream;

-- name: cursors
SELECT stream, seq FROM history_cursor WHERE consumer = $1 AND stream = ANY($2::text[]);

-- name: move_cursor
INSERT INTO history_cursor (consumer, stream, seq) VALUES ($1, $2, $3) ON CONFLICT (consumer, stream) DO UPDATE SET seq = $3;

-- name: deal_histories
SELECT 'deal/' || deal AS stream, seq, type, at_us, body FROM deal_event
WHERE deal = ANY (SELECT substr(one, 6) FROM unnest($1::text[]) one WHERE one LIKE 'deal/%') ORDER BY deal, seq;

-- name: registration_histories
SELECT stream, seq, type, at_us, body FROM registry_event
WHERE stream = ANY (SELECT one FROM unnest($1::text[]) one WHERE one LIKE 'registration/%') ORDER BY stream, seq;

-- name: packages
SELECT 'registration/' || registration AS stream, revision, body FROM registration_document
WHERE kind = 'package' AND registration = ANY (SELECT substr(one, 14) FROM unnest($1::text[]) one) ORDER BY registration, revision;

-- name: insert_fact
INSERT INTO statistics_fact (stream, seq, measure, at_us, year, quarter, month, count, total_fen, technical_fen, seller, buyer, way, mode,
    kind, field, industry, ipr, plan, objective, seller_region, buyer_region, seller_nature, buyer_nature, band)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
ON CONFLICT DO NOTHING;

-- name: forget
-- Everything is counted anew from the histories.
WITH facts AS (DELETE FROM statistics_fact), cursors AS (DELETE FROM history_cursor WHERE consumer = 'statistics')
INSERT INTO history_pending AS p (consumer, stream)
SELECT 'statistics', s.stream FROM (
    SELECT DISTINCT 'deal/' || deal AS stream FROM deal_event
    UNION SELECT DISTINCT stream FROM registry_event WHERE stream LIKE 'registration/%'
) s ON CONFLICT (consumer, stream) DO UPDATE SET touched = (p.touched + 1) % 1000000;

-- name: tables
-- All tables of a period in one pass, as of an instant. `grouping` says which dimension a row is of.
SELECT grouping(month, way, mode, kind, field, industry, ipr, plan, objective, seller_region, buyer_region, seller_nature, buyer_nature,
        band) AS which,
    coalesce(month::text, way, mode, kind, field, industry, ipr, plan, objective, seller_region, buyer_region, seller_nature, buyer_nature,
        band, '') AS code,
    sum(count)::bigint AS count, sum(total_fen)::numeric AS total_fen, sum(technical_fen)::numeric AS technical_fen
FROM statistics_fact
WHERE measure = $1 AND year = $2 AND ($3 = 0 OR quarter = $3) AND at_us <= $4
GROUP BY GROUPING SETS ((), (month), (way), (mode), (kind), (field), (industry), (ipr), (plan), (objective), (seller_region),
    (buyer_region), (seller_nature), (buyer_nature), (band));

-- name: trend
SELECT year, quarter, sum(count)::bigint AS count, sum(total_fen)::numeric AS total_fen, sum(technical_fen)::numeric AS technical_fen
FROM statistics_fact WHERE measure = $1 AND year BETWEEN $2 - 4 AND $2 AND at_us <= $3 GROUP BY year, quarter ORDER BY year, quarter;

-- name: own
SELECT measure, mode, way, buyer_nature, buyer_region, sum(count)::bigint AS count, sum(total_fen)::bigint AS total_fen,
    max(total_fen) FILTER (WHERE count > 0) AS highest_fen
FROM statistics_fact WHERE seller = $1 AND year = $2 AND at_us <= $3 GROUP BY measure, mode, way, buyer_nature, buyer_region;

-- name: behind
SELECT count(*) FROM history_pending WHERE consumer = 'statistics';
