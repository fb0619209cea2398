-- name: insert
INSERT INTO attachment (id, owner, subject, author, name, media_type, size, sha256, scan, put_at_us)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
WHERE (SELECT count(*) FROM attachment WHERE subject = $3 AND unlinked_at_us IS NULL) < $11
RETURNING *;

-- name: read
SELECT * FROM attachment WHERE id = $1;

-- name: of_subject
SELECT * FROM attachment WHERE subject = $1 AND unlinked_at_us IS NULL ORDER BY put_at_us, id LIMIT $2;

-- name: count
SELECT count(*) FROM attachment WHERE subject = $1 AND unlinked_at_us IS NULL;

-- name: unlink
UPDATE attachment SET unlinked_at_us = $3 WHERE id = $1 AND subject = $2 AND unlinked_at_us IS NULL;

-- name: is_infected
SELECT EXISTS (SELECT FROM attachment WHERE sha256 = $1 AND scan = 'infected');

-- name: unscanned
SELECT DISTINCT ON (sha256) * FROM attachment WHERE scan = 'unscanned' ORDER BY sha256 LIMIT $1;

-- name: scanned
-- The verdict is about bytes: it holds for every attachment that has them.
UPDATE attachment SET scan = $2 WHERE sha256 = $1;

-- name: erase
-- Bytes that another subject has, too, stay; whatever this subject ever had is taken off it.
WITH gone AS (
    UPDATE attachment SET unlinked_at_us = coalesce(unlinked_at_us, $2) WHERE subject = $1 RETURNING sha256
)
SELECT DISTINCT sha256, EXISTS (SELECT FROM attachment o WHERE o.sha256 = gone.sha256 AND o.subject <> $1) AS used_elsewhere FROM gone;
