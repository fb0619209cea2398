-- name: insert
INSERT INTO sighting (notice, place, at_us, took_us, status, problem, record, shown, round_seq)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING;

-- name: of_notice
-- Looks at a notice between two instants, and the last one before the first: it says what stood at the beginning.
SELECT * FROM sighting WHERE notice = $1 AND at_us < $3
    AND at_us >= coalesce((SELECT max(at_us) FROM sighting WHERE notice = $1 AND place = 'page' AND at_us < $2), $2)
ORDER BY at_us, place LIMIT $4;

-- name: latest
SELECT max(at_us) FROM sighting;

-- name: keep_shown
INSERT INTO shown_record (shown, notice, record, first_seen_us, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

-- name: shown
SELECT body FROM shown_record WHERE shown = $1;

-- name: targets
-- What must be readable now, and which record it must show.
SELECT subject, digest FROM board_entry WHERE kind = 'notice' AND state = ANY($1::text[]) ORDER BY subject LIMIT $2;

-- name: target
SELECT digest FROM board_entry WHERE kind = 'notice' AND subject = $1;
