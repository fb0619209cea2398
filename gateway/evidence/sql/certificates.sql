-- name: certified
INSERT INTO certificate (number, notice, seq, certified_at_us) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;

-- name: take_unmade
-- Leased, so that two workers do not make the same at once; made twice it would be the same bytes.
UPDATE certificate SET attempts = attempts + 1, next_at_us = $2 WHERE number = (
    SELECT number FROM certificate WHERE pdf IS NULL AND next_at_us <= $1 ORDER BY next_at_us, number LIMIT 1
    FOR UPDATE SKIP LOCKED
) RETURNING number, notice, seq, certified_at_us, attempts;

-- name: keep
UPDATE certificate SET statement = $2, pdf = $3, sha256 = $4, made_at_us = $5 WHERE number = $1 AND pdf IS NULL;

-- name: read
SELECT number, notice, seq, certified_at_us, statement, sha256, made_at_us FROM certificate WHERE number = $1;

-- name: read_pdf
SELECT pdf FROM certificate WHERE number = $1;

-- name: unmade
SELECT count(*) FROM certificate WHERE pdf IS NULL AND attempts > 0;
