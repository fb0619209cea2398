-- name: document
SELECT * FROM search_document WHERE kind = $1 AND id = $2 AND alive;

-- name: dismiss
INSERT INTO match_dismissal (party, achievement, need, at_us) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;

-- name: take_back
DELETE FROM match_dismissal WHERE party = $1 AND achievement = $2 AND need = $3;

-- name: dismissed_needs
SELECT need AS other FROM match_dismissal WHERE party = $1 AND achievement = $2;

-- name: dismissed_achievements
SELECT achievement AS other FROM match_dismissal WHERE party = $1 AND need = $2;
