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
    kind, field, industry, ipr, plan, objective, seller_region, buyer_region, seller_nature, buyer_nature, band, days)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)
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
-- All tables of a period in one pass, as of an instant. `which`: a bit for each dimension that a row is not of, the last one lowest.
-- What a pair holds is not counted alone again.
SELECT grouping(month, way, mode, kind, field, industry, ipr, plan, objective, seller_region, buyer_region, seller_nature, buyer_nature,
        band) AS which,
    month::text, way, mode, kind, field, industry, ipr, plan, objective, seller_region, buyer_region, seller_nature, buyer_nature, band,
    sum(count)::bigint AS count, sum(total_fen)::numeric AS total_fen, sum(technical_fen)::numeric AS technical_fen,
    sum(days * count)::bigint AS days, sum(count) FILTER (WHERE days IS NOT NULL)::bigint AS timed
FROM statistics_fact
WHERE measure = $1 AND year = $2 AND ($3 = 0 OR quarter = $3) AND at_us <= $4
GROUP BY GROUPING SETS ((), (kind, month), (way, month), (field, kind), (seller_region, buyer_region), (mode), (industry), (ipr), (plan),
    (objective), (seller_nature), (buyer_nature), (band));

-- name: published
-- When each of these lots, listings and notices came on the market.
SELECT s.stream, e.at_us FROM unnest($1::text[]) AS s(stream)
CROSS JOIN LATERAL (SELECT at_us FROM event WHERE event.stream = s.stream AND type = ANY ($2::text[]) ORDER BY stream_seq LIMIT 1) e;

-- name: opened
SELECT deal, type, body FROM deal_event WHERE deal = ANY ($1::text[]) AND seq = 1;

-- name: trend
-- Only what the index of the period holds.
SELECT year, quarter, sum(count)::bigint AS count, sum(total_fen)::numeric AS total_fen, sum(technical_fen)::numeric AS technical_fen,
    0 AS days, 0 AS timed
FROM statistics_fact WHERE measure = $1 AND year BETWEEN $2 - 4 AND $2 AND at_us <= $3 GROUP BY year, quarter ORDER BY year, quarter;

-- name: own
SELECT measure, mode, way, buyer_nature, buyer_region, kind, sum(count)::bigint AS count, sum(total_fen)::bigint AS total_fen,
    max(total_fen) FILTER (WHERE count > 0) AS highest_fen, coalesce(sum(days * count), 0)::bigint AS days,
    coalesce(sum(count) FILTER (WHERE days IS NOT NULL), 0)::bigint AS timed
FROM statistics_fact WHERE seller = $1 AND year = $2 AND at_us <= $3 GROUP BY measure, mode, way, buyer_nature, buyer_region, kind;

-- name: behind
SELECT count(*) FROM history_pending WHERE consumer = 'statistics';
