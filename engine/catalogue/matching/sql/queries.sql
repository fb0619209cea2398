-- name: document
SELECT * FROM search_document WHERE kind = $1 AND id = $2 AND alive;

-- name: rarity
-- Document frequencies of terms, and how many documents there are.
SELECT term, sum(documents)::int AS documents FROM search_term WHERE term = ANY($1::text[]) AND zone = 0 GROUP BY 1;

-- name: documents_in_all
SELECT coalesce(sum(bit_count(bits)), 0)::int FROM search_facet WHERE facet = 'alive';

-- name: postings
-- Where rare terms occur among the living documents of a kind.
SELECT t.term, t.segment, t.bits & f.bits AS bits FROM search_term t
JOIN search_facet f ON f.facet = 'alive' AND f.value = $2 AND f.segment = t.segment
WHERE t.term = ANY($1::text[]) AND t.zone = 0;

-- name: dismiss
INSERT INTO match_dismissal (party, achievement, need, at_us) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;

-- name: take_back
DELETE FROM match_dismissal WHERE party = $1 AND achievement = $2 AND need = $3;

-- name: dismissed_needs
SELECT need AS other FROM match_dismissal WHERE party = $1 AND achievement = $2;

-- name: dismissed_achievements
SELECT achievement AS other FROM match_dismissal WHERE party = $1 AND need = $2;
