-- name: lock_index
-- One writer of the index at a time; readers never wait.
SELECT pg_advisory_xact_lock(0x6F72746F6F5F73);

-- name: take_numbers
UPDATE search_state SET next_doc = next_doc + $1 RETURNING next_doc - $1;

-- name: retire
-- Older versions of these subjects stop being found.
UPDATE search_document d SET alive = false FROM unnest($1::text[], $2::text[]) AS gone(kind, id)
WHERE d.kind = gone.kind AND d.id = gone.id AND d.alive
RETURNING d.doc, d.kind, d.id, d.version, d.listed, d.price_fen;

-- name: add_document
INSERT INTO search_document (doc, kind, id, version, alive, owner, title_zh, title_en, keywords, abstract_zh, abstract_en, holder_zh,
    holder_en, holder_kind, fields, industry, region, trl, modes, listed, price_fen, published_at_us, folded)
VALUES ($1, $2, $3, $4, true, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22);

-- name: add_terms
INSERT INTO search_term AS t (term, zone, segment, documents, bits)
SELECT w.term, w.zone, w.segment, bit_count(w.bits), w.bits
FROM unnest($1::text[], $2::smallint[], $3::int[], $4::bit(16384)[]) AS w(term, zone, segment, bits)
ON CONFLICT (term, zone, segment) DO UPDATE SET bits = t.bits | EXCLUDED.bits, documents = bit_count(t.bits | EXCLUDED.bits);

-- name: add_facets
INSERT INTO search_facet AS t (facet, value, segment, bits)
SELECT w.facet, w.value, w.segment, w.bits FROM unnest($1::text[], $2::text[], $3::int[], $4::bit(16384)[]) AS w(facet, value, segment, bits)
ON CONFLICT (facet, value, segment) DO UPDATE SET bits = t.bits | EXCLUDED.bits;

-- name: clear_facet
UPDATE search_facet SET bits = set_bit(bits, $4, 0) WHERE facet = $1 AND value = $2 AND segment = $3;

-- name: waiting
-- The oldest of what waits; the caller holds the lock of the index.
SELECT place, kind, id, version, act FROM search_outbox ORDER BY place LIMIT $1;

-- name: done_waiting
DELETE FROM search_outbox WHERE place = ANY($1::bigint[]);

-- name: enqueue
INSERT INTO search_outbox (kind, id, version, act) VALUES ($1, $2, $3, $4);

-- name: set_listed
UPDATE search_document SET listed = $3, price_fen = $4 WHERE kind = $1 AND id = $2 AND alive RETURNING doc;

-- name: search
-- $1-$2 terms and their groups, $3-$5 facet filters (group, facet, value); groups of filters are 1..k, `alive` is group 0, terms follow.
-- $6: 0 and every filter group, to be left out in turn so that a facet still counts its other values; $7: number of groups.
WITH asked AS (
    SELECT term, grp FROM unnest($1::text[], $2::int[]) AS a(term, grp)
), filter AS (
    SELECT grp, facet, value FROM unnest($3::int[], $4::text[], $5::text[]) AS f(grp, facet, value)
), part AS MATERIALIZED (
    SELECT a.grp, t.segment, t.bits FROM asked a JOIN search_term t ON t.term = a.term AND t.zone = 0
    UNION ALL
    SELECT f.grp, p.segment, bit_or(p.bits) FROM filter f JOIN search_facet p ON p.facet = f.facet AND p.value = f.value GROUP BY 1, 2
), hit AS MATERIALIZED (
    SELECT without, segment, bit_and(bits) AS bits FROM part, unnest($6::int[]) AS without
    WHERE grp <> without OR without = 0
    GROUP BY 1, 2 HAVING count(*) = $7 - (without > 0)::int
)
SELECT h.segment, h.bits AS found,
    CASE WHEN cardinality($1) > 0 THEN coalesce((SELECT bit_and(t.bits) FROM search_term t WHERE t.term = ANY($1) AND t.zone = 1 AND t.segment = h.segment
        HAVING count(*) = cardinality($1)), B'0'::bit(16384)) & h.bits ELSE h.bits END AS in_title,
    CASE WHEN cardinality($1) > 0 THEN coalesce((SELECT bit_and(t.bits) FROM search_term t WHERE t.term = ANY($1) AND t.zone = 2 AND t.segment = h.segment
        HAVING count(*) = cardinality($1)), B'0'::bit(16384)) & h.bits ELSE h.bits END AS in_head,
    CASE WHEN cardinality($1) > 0 THEN coalesce((SELECT bit_or(t.bits) FROM search_term t WHERE t.term = ANY($1) AND t.zone = 1 AND t.segment = h.segment),
        B'0'::bit(16384)) & h.bits ELSE h.bits END AS some_title
FROM hit h WHERE h.without = 0 AND bit_count(h.bits) > 0 ORDER BY h.segment DESC;

-- name: count_facets
-- The same filters; the counts of a facet leave its own filter out.
WITH asked AS (
    SELECT term, grp FROM unnest($1::text[], $2::int[]) AS a(term, grp)
), filter AS (
    SELECT grp, facet, value FROM unnest($3::int[], $4::text[], $5::text[]) AS f(grp, facet, value)
), part AS MATERIALIZED (
    SELECT a.grp, t.segment, t.bits FROM asked a JOIN search_term t ON t.term = a.term AND t.zone = 0
    UNION ALL
    SELECT f.grp, p.segment, bit_or(p.bits) FROM filter f JOIN search_facet p ON p.facet = f.facet AND p.value = f.value GROUP BY 1, 2
), hit AS MATERIALIZED (
    SELECT without, segment, bit_and(bits) AS bits FROM part, unnest($6::int[]) AS without
    WHERE grp <> without OR without = 0
    GROUP BY 1, 2 HAVING count(*) = $7 - (without > 0)::int
), own AS (SELECT DISTINCT facet, grp FROM filter WHERE grp > 0)
SELECT p.facet, p.value, sum(bit_count(p.bits & h.bits))::int AS documents
FROM search_facet p LEFT JOIN own ON own.facet = p.facet
JOIN hit h ON h.segment = p.segment AND h.without = coalesce(own.grp, 0)
WHERE p.facet <> 'alive' GROUP BY 1, 2 HAVING sum(bit_count(p.bits & h.bits)) > 0;

-- name: bitmaps_of
-- All values of a facet in these segments.
SELECT value, segment, bits FROM search_facet WHERE facet = $1 AND segment = ANY($2::int[]);

-- name: documents
SELECT * FROM search_document WHERE doc = ANY($1::int[]);

-- name: by_id
SELECT * FROM search_document WHERE kind = $1 AND id = ANY($2::text[]) AND alive;

-- name: with_phrases
-- Which of these hold every phrase, letter by letter.
SELECT doc FROM search_document WHERE doc = ANY($1::int[]) AND (SELECT bool_and(strpos(folded, phrase) > 0) FROM unnest($2::text[]) AS phrase);

-- name: priced_of
-- Few found: their prices in order.
SELECT doc, price_fen FROM search_document WHERE doc = ANY($1::int[]) AND price_fen IS NOT NULL AND (price_fen, doc) > ($2, $3)
ORDER BY price_fen, doc LIMIT $4;

-- name: priced
-- Many found: walk the prices.
SELECT doc, price_fen FROM search_document WHERE alive AND price_fen IS NOT NULL AND (price_fen, doc) > ($1, $2) ORDER BY price_fen, doc LIMIT $3;

-- name: newest
SELECT * FROM search_document WHERE kind = $1 AND alive ORDER BY doc DESC LIMIT $2;

-- name: frequencies
SELECT term, sum(documents)::int AS documents FROM search_term WHERE term = ANY($1::text[]) AND zone = 0 GROUP BY 1;

-- name: postings
-- Of these terms, where they occur among living documents of a kind.
SELECT t.term, t.segment, t.bits & f.bits AS bits FROM search_term t
JOIN search_facet f ON f.facet = 'alive' AND f.value = $2 AND f.segment = t.segment
WHERE t.term = ANY($1::text[]) AND t.zone = 0;

-- name: size
SELECT value AS kind, sum(bit_count(bits))::int AS documents FROM search_facet WHERE facet = 'alive' GROUP BY 1;

-- name: reset
TRUNCATE search_document, search_term, search_facet, search_outbox;

-- name: reset_state
UPDATE search_state SET next_doc = 0;

-- name: facts
-- What facets are counted from.
SELECT doc, fields, modes, region, industry, holder_kind, trl, listed FROM search_document WHERE doc = ANY($1::int[]);

-- name: achievement_versions
SELECT v.id, v.number, v.owner, v.body, v.published_at_us FROM achievement_version v
JOIN unnest($1::text[], $2::int[]) AS wanted(id, number) ON v.id = wanted.id AND v.number = wanted.number;

-- name: documents_in_all
SELECT coalesce(sum(bit_count(bits)), 0)::int FROM search_facet WHERE facet = 'alive';
