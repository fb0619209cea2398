-- name: stream_head
-- The newest event of a stream.
SELECT shard, seq, stream_seq, at_us, digest FROM event WHERE stream = $1 ORDER BY stream_seq DESC LIMIT 1;

-- name: stream_page
SELECT * FROM event WHERE stream = $1 AND stream_seq > $2 AND stream_seq <= $3 ORDER BY stream_seq LIMIT $4;

-- name: keep_snapshot
INSERT INTO page_snapshot (stream, seq, url, statement, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

-- name: snapshots_of
SELECT seq, url, statement, body FROM page_snapshot WHERE stream = ANY($1::text[]) ORDER BY stream, seq, url LIMIT $2;

-- name: page_places
SELECT stream, seq, url FROM page_snapshot WHERE stream = ANY($1::text[]) ORDER BY stream, seq, url LIMIT $2;

-- name: ask
-- Asked again it is the same file; one that failed, or whose file was tidied away, is made anew.
INSERT INTO evidence_file (number, kind, subject, edition, party, language, state, total, asked_by, asked_at_us)
VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7, $8, $9)
ON CONFLICT (number) DO UPDATE SET state = 'waiting', done = 0, problem = '', asked_at_us = $9, asked_by = $8
WHERE evidence_file.state IN ('failed', 'superseded') OR (evidence_file.state = 'ready' AND $10);

-- name: read
SELECT * FROM evidence_file WHERE number = $1;

-- name: count_open
SELECT count(*) FROM evidence_file WHERE state IN ('waiting', 'making');

-- name: take
-- The oldest that waits; one left in the making by a process that died is taken again.
UPDATE evidence_file SET state = 'making', done = 0 WHERE number = (
    SELECT number FROM evidence_file WHERE state IN ('waiting', 'making') ORDER BY asked_at_us, number LIMIT 1
    FOR UPDATE SKIP LOCKED
) RETURNING *;

-- name: progress
UPDATE evidence_file SET done = $2 WHERE number = $1;

-- name: made
UPDATE evidence_file SET state = 'ready', done = total, size = $2, sha256 = $3, document_sha256 = $4, made_at_us = $5 WHERE number = $1;

-- name: superseded
UPDATE evidence_file SET state = 'superseded', instead = $2 WHERE number = $1;

-- name: failed
UPDATE evidence_file SET state = 'failed', problem = $2 WHERE number = $1;

-- name: of_subject
-- The newest files of a deal for one reader.
SELECT * FROM evidence_file WHERE kind = $1 AND subject = $2 AND edition = $3 AND party = $4 AND state <> 'superseded'
ORDER BY asked_at_us DESC, number LIMIT $5;

-- name: newest
SELECT * FROM evidence_file WHERE (asked_at_us, number) < ($1, $2) AND state <> 'superseded' ORDER BY asked_at_us DESC, number DESC LIMIT $3;

-- name: objector_salt
SELECT salt FROM notice_objector WHERE objection_id = $1;
